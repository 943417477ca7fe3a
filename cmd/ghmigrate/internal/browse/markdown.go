package browse

import (
	"bytes"
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
	"github.com/yuin/goldmark/renderer"
	goldmarkhtml "github.com/yuin/goldmark/renderer/html"
	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxMarkdown bounds the texts that are read as Markdown, in bytes. GitHub takes 64 KiB
// of characters. A longer text is shown as it is.
const maxMarkdown = 256 << 10

// maxShown bounds the length of a text on a page, in bytes.
const maxShown = 1 << 20

// A markdown turns texts of an archive into HTML. The texts are hostile: goldmark's
// HTML is sanitized, and then each link and image is decided on.
type markdown struct {
	comment, document goldmark.Markdown
	policy            *bluemonday.Policy
}

func newMarkdown() *markdown {
	return &markdown{
		comment:  newGoldmark(goldmarkhtml.WithHardWraps(), goldmarkhtml.WithUnsafe()), // line ends count in comments
		document: newGoldmark(goldmarkhtml.WithUnsafe()),
		policy:   newPolicy(),
	}
}

func newGoldmark(opts ...renderer.Option) goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithRendererOptions(opts...),
	)
}

// newPolicy returns what the HTML of a text may have: nothing with a style, an ID, a
// script, or an address that is loaded.
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
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`^(ltr|rtl|auto)$`)).Globally()
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	return p
}

// A place is where a text stands: it decides what references in it mean.
type place struct {
	// link returns the address inside the archive of a URL; empty if it is elsewhere.
	link func(url string) string
	// image returns the address of an image of the archive; empty if there is none.
	image func(url string) string
	// reference returns the address of #12, owner/repo#12, @user or a commit; empty if
	// the archive does not have it.
	reference func(text string) string
	// document reads the text as a file of a repository.
	document bool
}

// render returns a text as HTML that is safe to show.
func (m *markdown) render(text string, at *place) template.HTML {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	if len(text) > maxMarkdown || isCostly(text) {
		return plainText(text)
	}
	engine := m.comment
	if at.document {
		engine = m.document
	}
	var b bytes.Buffer
	if err := engine.Convert([]byte(text), &b); err != nil {
		return plainText(text)
	}
	return template.HTML(at.finish(m.policy.SanitizeBytes(b.Bytes()))) //nolint:gosec // it is sanitized
}

// plainText returns a text as it is.
func plainText(text string) template.HTML {
	note := ""
	if len(text) > maxShown {
		text = cut(text, maxShown)
		note = `<p class="note">The text is longer than a page can show. The record has all of it.</p>`
	}
	return template.HTML(`<pre class="long">` + html.EscapeString(text) + `</pre>` + note) //nolint:gosec // it is escaped
}

// finish decides on each link and image of sanitized HTML, and makes links of
// references. The HTML is parsed as a browser would, and every tag is written anew: no
// text can close an element of the page around it.
func (at *place) finish(sanitized []byte) string {
	body := &nethtml.Node{Type: nethtml.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := nethtml.ParseFragment(bytes.NewReader(sanitized), body)
	if err != nil { // too deep
		return `<pre class="long">` + html.EscapeString(string(sanitized)) + `</pre>`
	}
	var out strings.Builder
	for _, n := range nodes {
		at.write(&out, n, inside{})
	}
	return out.String()
}

// inside tells what an element is in.
type inside struct{ link, code bool }

func (at *place) write(out *strings.Builder, n *nethtml.Node, in inside) {
	if n.Type == nethtml.TextNode {
		if in.link || in.code {
			out.WriteString(html.EscapeString(n.Data))
		} else {
			at.references(out, n.Data)
		}
		return
	}
	if n.Type != nethtml.ElementNode {
		return
	}
	before, after := beginning(n), "</"+n.Data+">"
	switch n.Data {
	case "a":
		before = at.anchor(attribute(n, "href"))
		if in.link = before != ""; !in.link { // it leads nowhere
			before, after = "<span>", "</span>"
		}
	case "img":
		out.WriteString(at.picture(n, in.link))
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
		at.write(out, c, in)
	}
	out.WriteString(after)
}

// beginning returns the tag that begins an element, without addresses.
func beginning(n *nethtml.Node) string {
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

// anchor returns the beginning of a link, inside the archive or to another site; empty
// for any other link.
func (at *place) anchor(href string) string {
	if inside := at.link(href); inside != "" {
		return `<a href="` + html.EscapeString(inside) + `">`
	}
	if outside := outsideAddress(href); outside != "" {
		return `<a class="outside" rel="noopener noreferrer nofollow" href="` + html.EscapeString(outside) + `">`
	}
	return ""
}

// outsideAddress returns an address that may stand in a link; empty for all others.
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

// picture returns an image of the archive, or a link to one elsewhere: a page never
// asks another host for anything.
func (at *place) picture(n *nethtml.Node, inLink bool) string {
	src, alt := attribute(n, "src"), attribute(n, "alt")
	if inside := at.image(src); inside != "" {
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

// referencePattern finds what may be a reference. The first group is what is before it.
var referencePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(^|[^\w/&@#.-])((?:[\w-]+/[\w.-]+)?#[0-9]{1,9}\b|GH-[0-9]{1,9}\b|@[A-Za-z0-9][A-Za-z0-9-]{0,38}\b|\b[0-9a-f]{7,40}\b)`)
})

// references writes text, and links of the references in it.
func (at *place) references(out *strings.Builder, text string) {
	last := 0
	for _, m := range referencePattern().FindAllStringSubmatchIndex(text, -1) {
		from, to := m[4], m[5]
		address := at.reference(text[from:to])
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
