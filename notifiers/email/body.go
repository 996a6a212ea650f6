package email

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"rouse/notifiers"
)

//go:embed mail.html
var mailHTML string

var mailPage = template.Must(template.New("mail").Parse(mailHTML))

// textOf is the mail in plain text.
func textOf(m notifiers.Message) string {
	if m.Purpose == notifiers.Notice {
		return notifiers.PushBody(m) + "\n"
	}
	lines := []string{notifiers.PushTitle(m), "", notifiers.PushBody(m)}
	if m.PageURL != "" {
		ack, decline := notifiers.PushButtons(m)
		lines = append(lines, "", fmt.Sprintf("%s / %s:", ack, decline), m.PageURL)
	}
	return strings.Join(lines, "\n") + "\n"
}

// pageOf is the mail in HTML. Its one link opens the page with the buttons: mail scanners follow links, and
// some press what they find (rule 10).
func pageOf(m notifiers.Message) (string, error) {
	ack, decline := notifiers.PushButtons(m)
	shown := struct {
		Language, Title, URL, Link string
		Lines                      []string
		Severity                   int
	}{Language: m.Language, Title: notifiers.PushTitle(m), URL: m.PageURL, Link: ack + " / " + decline,
		Lines: strings.Split(notifiers.PushBody(m), "\n"), Severity: m.Severity}
	if shown.Language == "" {
		shown.Language = "en"
	}
	if m.Purpose == notifiers.Notice {
		shown.URL, shown.Severity = "", 0
	}
	var page bytes.Buffer
	if err := mailPage.Execute(&page, shown); err != nil {
		return "", err
	}
	return page.String(), nil
}
