package intake

import "strings"

// jiraText is a text of Jira for people: a string (wiki markup) as it is, a document of version 3 of the API as
// plain text (https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/).
func jiraText(v any) string {
	object, ok := v.(map[string]any)
	if !ok || object["type"] != "doc" {
		return strings.TrimSpace(textOf(v))
	}
	var d document
	d.write(object)
	return strings.TrimSpace(storable(d.text.String()))
}

// document is the text of the nodes so far.
type document struct {
	text strings.Builder
	stay bool // the next block stays in its line: it is the first of an item, or of a cell
}

// write writes a node and what is in it; of a node of an unknown type what is in it alone.
func (d *document) write(node map[string]any) {
	if d.text.Len() > maxDetails {
		return
	}
	attributes, _ := node["attrs"].(map[string]any)
	attribute := func(names ...string) string { return fieldsOf(attributes).text(names...) }
	switch node["type"] {
	case "text":
		d.text.WriteString(textOf(node["text"]))
		d.link(node)
	case "hardBreak":
		d.text.WriteString("\n")
	case "mention", "emoji", "status":
		d.text.WriteString(attribute("text", "shortname", "id"))
	case "inlineCard", "blockCard", "embedCard":
		d.text.WriteString(attribute("url"))
	case "media", "mediaInline":
		d.text.WriteString("[" + strings.TrimSpace("attachment "+attribute("alt")) + "]")
	case "rule":
		d.line("---")
	case "listItem", "taskItem":
		d.line("- ")
		d.stay = true
		d.content(node)
	case "tableCell", "tableHeader":
		d.stay = true
		d.content(node)
		d.text.WriteString(" | ")
	case "paragraph", "heading", "codeBlock", "blockquote", "panel", "tableRow":
		d.line("")
		d.content(node)
	default:
		d.content(node)
	}
}

// content writes what is in a node.
func (d *document) content(node map[string]any) {
	children, _ := node["content"].([]any)
	for _, child := range children {
		if object, ok := child.(map[string]any); ok {
			d.write(object)
		}
	}
}

// line begins a line.
func (d *document) line(beginning string) {
	if !d.stay && d.text.Len() > 0 && !strings.HasSuffix(d.text.String(), "\n") {
		d.text.WriteString("\n")
	}
	d.stay = false
	d.text.WriteString(beginning)
}

// link writes where a text leads, unless that is what it says.
func (d *document) link(node map[string]any) {
	marks, _ := node["marks"].([]any)
	for _, mark := range marks {
		object, _ := mark.(map[string]any)
		attributes, _ := object["attrs"].(map[string]any)
		if href := textOf(attributes["href"]); object["type"] == "link" && href != "" && href != textOf(node["text"]) {
			d.text.WriteString(" (" + href + ")")
		}
	}
}
