package browse

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	goldmarkhtml "github.com/yuin/goldmark/renderer/html"
	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxMarkdown bounds the texts that are rendered as Markdown, in bytes. A longer text is
// shown as plain text. GitHub accepts 65,536 characters.
const maxMarkdown = 256 << 10

// maxShown bounds the length of a text on a page, in bytes.
const maxShown = 1 << 20

// A markdown renders texts of an archive as HTML. The texts are hostile: bluemonday
// sanitizes the HTML of goldmark, and a resolver replaces the address of each link and
// image.
type markdown struct {
	comment  goldmark.Markdown // a line end is a line break
	document goldmark.Markdown // a line end is a space
	policy   *bluemonday.Policy
}

func newMarkdown() *markdown {
	return &markdown{
		comment:  newGoldmark(goldmarkhtml.WithHardWraps(), goldmarkhtml.WithUnsafe()),
		document: newGoldmark(goldmarkhtml.WithUnsafe()),
		policy:   newPolicy(),
	}
}

func newGoldmark(opts ...renderer.Option) goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithParserOptions(costParsers()...),
		goldmark.WithRendererOptions(opts...),
	)
}

// newPolicy returns the policy for the HTML of a text. It allows no styles, no IDs, no
// scripts, and no addresses except of links and images.
func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(
		"p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "kbd", "samp", "var", "tt",
		"strong", "b", "em", "i", "u", "s", "strike", "del", "ins", "sub", "sup", "small", "mark", "q", "abbr", "dfn",
		"ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption",
		"details", "summary", "div", "span", "figure", "figcaption", "ruby", "rt", "rp", "input",
	)
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src", "alt").OnElements("img")
	p.AllowAttrs("width", "height").Matching(regexp.MustCompile(`^\d{1,4}$`)).OnElements("img")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("p", "div", "th", "td", "h1", "h2", "h3")
	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^\d{1,2}$`)).OnElements("th", "td")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^\d{1,9}$`)).OnElements("ol")
	p.AllowAttrs("open").Matching(regexp.MustCompile(`^(open|)$`)).OnElements("details")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("checked", "disabled").Matching(regexp.MustCompile(`^(checked|disabled|)$`)).OnElements("input")
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`^(ltr|rtl|auto)$`)).OnElements(
		"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "ul", "ol", "li", "dl", "table", "th", "td", "details", "summary", "div", "span",
	)
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	return p
}

// A resolver finds the pages and images to which a text refers. Its functions return an
// empty address for a target that the archive does not have.
type resolver struct {
	// link returns the address of the page for a URL.
	link func(url string) string
	// image returns the address of the image with a URL.
	image func(url string) string
	// reference returns the address of the page for #12, owner/repo#12, @user or a commit.
	reference func(text string) string
	// document means that the text is a file of a repository, and not a comment.
	document bool
}

// render renders a text as safe HTML. A text that cannot be rendered at a low cost is
// shown as plain text.
func (m *markdown) render(text string, r *resolver) template.HTML {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	if len(text) > maxMarkdown {
		return plainText(text)
	}
	engine := m.comment
	if r.document {
		engine = m.document
	}
	unsafe, err := convert(engine, text)
	if err != nil {
		return plainText(text)
	}
	safe, err := r.finish(m.policy.SanitizeBytes(unsafe))
	if err != nil {
		return plainText(text)
	}
	return template.HTML(safe) //nolint:gosec // the HTML is sanitized
}

// convert returns the HTML of a text. It returns an error for a costly text, and for a
// text for which goldmark panics.
func convert(engine goldmark.Markdown, text string) (unsafe []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("render: %v", p)
		}
	}()
	var b bytes.Buffer
	err = engine.Convert([]byte(text), &b, parser.WithContext(&meter{Context: parser.NewContext()}))
	return b.Bytes(), err
}

// plainText renders a text as plain text.
func plainText(text string) template.HTML {
	note := ""
	if len(text) > maxShown {
		text = truncate(text, maxShown)
		note = `<p class="note">The text is longer than a page can show.</p>`
	}
	return template.HTML(`<pre class="long">` + html.EscapeString(text) + `</pre>` + note) //nolint:gosec // the text is escaped
}

// finish replaces the addresses in sanitized HTML and makes links of references. It parses
// the HTML as a browser does, and writes every tag anew. Therefore, no text can close an
// element of the page around it. It returns an error for HTML of too many elements, or of
// elements that are nested too deeply.
func (r *resolver) finish(sanitized []byte) (string, error) {
	if bytes.Count(sanitized, []byte("<")) > 2*maxElements { // each has a start tag and an end tag
		return "", errCostly
	}
	body := &nethtml.Node{Type: nethtml.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := nethtml.ParseFragment(bytes.NewReader(sanitized), body)
	if err != nil {
		return "", err
	}
	elements := 0
	for _, n := range nodes {
		for range n.Descendants() { // the parser repeats elements that the text does not close
			elements++
		}
	}
	if elements > 2*maxElements { // half of them are texts
		return "", errCostly
	}
	var out strings.Builder
	for _, n := range nodes {
		r.write(&out, n, ancestors{})
	}
	return out.String(), nil
}

// ancestors says whether a node is inside a link or inside code.
type ancestors struct{ link, code bool }

func (r *resolver) write(out *strings.Builder, n *nethtml.Node, in ancestors) {
	if n.Type == nethtml.TextNode {
		if in.link || in.code {
			out.WriteString(html.EscapeString(n.Data))
		} else {
			r.references(out, n.Data)
		}
		return
	}
	if n.Type != nethtml.ElementNode {
		return
	}
	before, after := startTag(n), "</"+n.Data+">"
	switch n.Data {
	case "a":
		before = r.anchor(attribute(n, "href"))
		if in.link = before != ""; !in.link { // the link is plain text
			before, after = "<span>", "</span>"
		}
	case "img":
		out.WriteString(r.picture(n, in.link))
		return
	case "input":
		box := "☐"
		if hasAttribute(n, "checked") {
			box = "☑"
		}
		before, after = `<span class="task">`+box+" ", "</span>"
	case "br", "hr":
		after = ""
	case "code", "pre", "kbd", "samp", "tt":
		in.code = true
	case "table":
		before, after = `<div class="scroll" tabindex="0" role="region" aria-label="table">`+before, after+"</div>"
	}
	out.WriteString(before)
	for c := range n.ChildNodes() {
		r.write(out, c, in)
	}
	out.WriteString(after)
}

// startTag returns the start tag of an element, without addresses.
func startTag(n *nethtml.Node) string {
	var b strings.Builder
	b.WriteString("<" + n.Data)
	for _, a := range n.Attr {
		if a.Key != "href" && a.Key != "src" {
			b.WriteString(" " + a.Key + `="` + html.EscapeString(a.Val) + `"`)
		}
	}
	b.WriteString(">")
	return b.String()
}

func attribute(n *nethtml.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttribute(n *nethtml.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a nethtml.Attribute) bool { return a.Key == name })
}

// anchor returns the start tag of a link, to a page of the archive or to another site. It
// is empty for any other address.
func (r *resolver) anchor(href string) string {
	if inside := r.link(href); inside != "" {
		return `<a href="` + html.EscapeString(inside) + `">`
	}
	if outside := outsideAddress(href); outside != "" {
		return `<a class="outside" rel="noopener noreferrer nofollow" href="` + html.EscapeString(outside) + `">`
	}
	return ""
}

// outsideAddress returns the address of a link to another site, or "" for an
// address that is not safe or not absolute.
func outsideAddress(href string) string {
	u, err := url.Parse(strings.TrimSpace(href))
	if err != nil {
		return ""
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if u.Host != "" {
			return u.String()
		}
	case "mailto":
		return u.String()
	}
	return ""
}

// picture returns an image of the archive. An image of another site becomes a link,
// because a page sends no requests to other hosts.
func (r *resolver) picture(n *nethtml.Node, inLink bool) string {
	src, alt := attribute(n, "src"), attribute(n, "alt")
	if inside := r.image(src); inside != "" {
		var img strings.Builder
		img.WriteString(`<img loading="lazy" src="` + html.EscapeString(inside) + `" alt="` + html.EscapeString(alt) + `"`)
		for _, name := range []string{"width", "height"} {
			if v := attribute(n, name); v != "" {
				img.WriteString(` ` + name + `="` + html.EscapeString(v) + `"`)
			}
		}
		return img.String() + `>`
	}
	text := "image"
	if alt != "" {
		text += ": " + alt
	}
	outside := outsideAddress(src)
	if outside == "" || inLink {
		return `<span class="image">` + html.EscapeString("["+text+"]") + `</span>`
	}
	host := ""
	if u, err := url.Parse(outside); err == nil {
		host = u.Host
	}
	return `<a class="outside image" rel="noopener noreferrer nofollow" href="` + html.EscapeString(outside) + `">` +
		html.EscapeString("["+text+", at "+host+"]") + `</a>`
}

// referencePattern matches what may be a reference. The second group is the reference.
var referencePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(^|[^\w/&@#.-])((?:[\w-]+/[\w.-]+)?#[0-9]{1,9}\b|GH-[0-9]{1,9}\b|@[A-Za-z0-9][A-Za-z0-9-]{0,38}\b|\b[0-9a-f]{7,40}\b)`)
})

// references writes a text, with links for the references in it.
func (r *resolver) references(out *strings.Builder, text string) {
	last := 0
	for _, m := range referencePattern().FindAllStringSubmatchIndex(text, -1) {
		from, to := m[4], m[5]
		address := r.reference(text[from:to])
		if address == "" {
			continue
		}
		shown := text[from:to]
		if len(shown) == 40 { // a commit
			shown = shortSHA(shown)
		}
		out.WriteString(html.EscapeString(text[last:from]))
		out.WriteString(`<a href="` + html.EscapeString(address) + `">` + html.EscapeString(shown) + `</a>`)
		last = to
	}
	out.WriteString(html.EscapeString(text[last:]))
}
