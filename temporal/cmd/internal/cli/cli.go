// Package cli has the flags and the connection to Temporal that the programs worker and
// export share.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
)

// Environment is the part of a program's help about the connection to Temporal.
const Environment = `The Temporal server comes from flags, from the environment, or from the configuration file of
the temporal command, in this order. Variables: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_API_KEY for Temporal Cloud, TEMPORAL_TLS, TEMPORAL_TLS_CLIENT_CERT_PATH,
TEMPORAL_TLS_CLIENT_KEY_PATH, TEMPORAL_TLS_SERVER_CA_CERT_PATH.
`

// Usage makes a flag set print its help: an introduction, then the flags with two dashes.
func Usage(flags *flag.FlagSet, out io.Writer, introduction string) {
	flags.SetOutput(out)
	flags.Usage = func() {
		fmt.Fprintf(out, "%s\nFlags:\n", introduction)
		flags.VisitAll(func(f *flag.Flag) {
			kind, usage := flag.UnquoteUsage(f)
			if kind != "" {
				kind = " " + kind
			}
			if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "false" {
				usage += fmt.Sprintf(" (default %s)", f.DefValue)
			}
			fmt.Fprintf(out, "  --%s%s\n        %s\n", f.Name, kind, usage)
		})
	}
}

// A Connection has the flags for the connection to Temporal.
type Connection struct {
	Address   string // empty: from the environment
	Namespace string // empty: from the environment
}

// Flags adds the flags to a flag set.
func (c *Connection) Flags(flags *flag.FlagSet) {
	flags.StringVar(&c.Address, "address", "", "`host:port` of the Temporal server; by default from the environment, or else 127.0.0.1:7233")
	flags.StringVar(&c.Namespace, "namespace", "", "`name` of the namespace; by default from the environment, or else \"default\"")
}

// dialTimeout limits Dial.
const dialTimeout = 15 * time.Second

// Dial connects to the server, and checks that the namespace exists. It replaces the
// address, the namespace and the credentials in opts.
func (c *Connection) Dial(ctx context.Context, opts client.Options) (client.Client, error) {
	loaded, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, fmt.Errorf("read the configuration of Temporal: %w", err)
	}
	opts.HostPort, opts.Namespace, opts.Identity = loaded.HostPort, loaded.Namespace, loaded.Identity
	opts.Credentials, opts.ConnectionOptions, opts.HeadersProvider = loaded.Credentials, loaded.ConnectionOptions, loaded.HeadersProvider
	if c.Address != "" {
		opts.HostPort = c.Address
	}
	if c.Namespace != "" {
		opts.Namespace = c.Namespace
	}
	if opts.HostPort == "" {
		opts.HostPort = client.DefaultHostPort
	}
	if opts.Namespace == "" {
		opts.Namespace = client.DefaultNamespace
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := client.DialContext(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal at %s: %w", opts.HostPort, err)
	}
	_, err = conn.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: opts.Namespace})
	if _, absent := errors.AsType[*serviceerror.NamespaceNotFound](err); absent {
		conn.Close()
		return nil, fmt.Errorf("no namespace %q in Temporal at %s", opts.Namespace, opts.HostPort)
	}
	if _, denied := errors.AsType[*serviceerror.PermissionDenied](err); err != nil && !denied { // a key may permit workflows only
		conn.Close()
		return nil, fmt.Errorf("check namespace %q of Temporal at %s: %w", opts.Namespace, opts.HostPort, err)
	}
	return conn, nil
}
