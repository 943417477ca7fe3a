// Package cli has what the programs worker and export share: flags, and the
// connection to Temporal.
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

// Environment is the part of a program's help that tells how it finds Temporal.
const Environment = `The environment and the configuration file of the temporal command name the server:
TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY for Temporal Cloud, TEMPORAL_TLS,
TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH, TEMPORAL_TLS_SERVER_CA_CERT_PATH.
Flags come first.
`

// Usage makes a flag set print its flags with two dashes, below an introduction.
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

// A Connection tells how to reach Temporal.
type Connection struct {
	Address   string // empty: from the environment
	Namespace string // empty: from the environment
}

// Flags adds the flags of a connection.
func (c *Connection) Flags(flags *flag.FlagSet) {
	flags.StringVar(&c.Address, "address", "", "`host:port` of the Temporal server; by default from the environment, or else 127.0.0.1:7233")
	flags.StringVar(&c.Namespace, "namespace", "", "`name` of the namespace; by default from the environment, or else \"default\"")
}

// dialTime limits how long Dial tries.
const dialTime = 15 * time.Second

// Dial connects to the server, and checks that the namespace is there. The address,
// the namespace and the credentials in opts are replaced.
func (c *Connection) Dial(ctx context.Context, opts client.Options) (client.Client, error) {
	found, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, fmt.Errorf("the configuration of Temporal: %w", err)
	}
	opts.HostPort, opts.Namespace, opts.Identity = found.HostPort, found.Namespace, found.Identity
	opts.Credentials, opts.ConnectionOptions, opts.HeadersProvider = found.Credentials, found.ConnectionOptions, found.HeadersProvider
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
	ctx, cancel := context.WithTimeout(ctx, dialTime)
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
	if _, denied := errors.AsType[*serviceerror.PermissionDenied](err); err != nil && !denied { // a key may be good for workflows alone
		conn.Close()
		return nil, fmt.Errorf("namespace %q of Temporal at %s: %w", opts.Namespace, opts.HostPort, err)
	}
	return conn, nil
}
