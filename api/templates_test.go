package api

import (
	"strings"
	"testing"
)

const germanPage = "/v1/templates/de/sms/page"

// A template is tried, kept, seen, changed and deleted, by admins.
func TestTemplates(t *testing.T) {
	d := newDesk(t)
	good := `{"text": "{{.Key}} SEV{{.Severity}} {{sentence .Summary}} Code {{.Code}}{{if .More}} Alle: {{.Keys}}{{end}} {{.Rest}}"}`
	for _, scope := range []string{"read", "respond", "ann"} {
		if got := d.as(scope, "PUT", germanPage, good); got.status != 403 {
			t.Errorf("%s: %s", scope, got.said())
		}
	}
	if got := d.must(404, "GET", germanPage, "").said(); !strings.Contains(got, "the built-in words are used") {
		t.Error(got)
	}
	made := d.must(200, "PUT", "/v1/templates/DE/sms/page", good)
	if got := d.must(200, "GET", germanPage, ""); got.value(t)["language"] != "de" || got.header.Get("ETag") != made.header.Get("ETag") {
		t.Error(got.body)
	}
	d.must(200, "PUT", germanPage, good, "If-Match: "+made.header.Get("ETag"))
	d.must(412, "PUT", germanPage, good, "If-Match: "+made.header.Get("ETag"))
	d.must(200, "PUT", germanPage+"?dry_run=true", good)
	if got := d.must(200, "GET", "/v1/templates", ""); strings.Count(got.body, `"purpose"`) != 1 || !strings.Contains(got.body, `"version":2`) {
		t.Error(got.body)
	}
	d.must(412, "DELETE", germanPage, "", `If-Match: "1"`)
	d.must(204, "DELETE", germanPage, "")
	d.must(404, "DELETE", germanPage, "")
	d.must(412, "PUT", germanPage, good, `If-Match: "2"`)
}

// What is refused is told with part, line, what stands there, and what to write instead.
func TestWhatIsWrongWithATemplateIsSaidWhereItStands(t *testing.T) {
	d := newDesk(t)
	for body, says := range map[string]string{
		`{"text": "{{.Key}} SEV{{.Severity}} {{.Summary}}\n{{.Code}} {{.Sumary}}"}`: `/text line 2: there is no field .Sumary: do you mean .Summary?`,
		`{"text": "{{.Key}} SEV{{.Severity}} {{.Summary}}"}`:                        `/text the code to reply with is missing`,
		`{"title": "{{.Key}}"}`: `/title a message on sms has no title; it has text`,
		`{}`:                    `/text the template is empty`,
	} {
		if got := d.must(422, "PUT", germanPage, body).said(); !strings.Contains(got, says) {
			t.Errorf("%s: %s", body, got)
		}
	}
	d.must(422, "PUT", "/v1/templates/german/sms/page", `{"text": "x"}`)
	d.must(422, "PUT", "/v1/templates/de/fax/page", `{"text": "x"}`)
	if got := d.must(200, "GET", "/v1/templates", ""); !strings.Contains(got.body, `"items":[]`) {
		t.Error(got.body)
	}
}

// A preview shows segments and encoding; what would not be kept, and what is sent then.
func TestTemplatePreview(t *testing.T) {
	d := newDesk(t)
	preview := func(body string) string { return d.must(200, "POST", "/v1/templates/preview", body).body }
	for _, c := range []struct{ body, says string }{
		{`{"language": "de", "channel": "sms", "purpose": "page"}`, `"encoding":"GSM-7"`},
		{`{"language": "de", "channel": "sms", "purpose": "page"}`, `HOT-1234 SEV1 Disk full on db1. Dienst bitbucket. Antwort 482913`},
		{`{"language": "de", "channel": "sms", "purpose": "page", "text": "{{.Key}} SEV{{.Severity}} {{.Summary}} ✉ {{.Code}}{{if .More}} {{.Keys}}{{end}}"}`, `"encoding":"UCS-2","forcing":["✉"],"part":"text","segments":["HOT-1234 SEV1 Disk full on db1 ✉ 482913"]`},
		{`{"language": "de", "channel": "sms", "purpose": "page", "text": "{{.Oops}}"}`, `"failed":"line 1: there is no field .Oops`},
		{`{"language": "de", "channel": "sms", "purpose": "page", "text": "{{.Oops}}"}`, `"faults":[{"detail":"there is no field .Oops`},
		{`{"language": "en", "channel": "voice", "purpose": "still_on"}`, `Are you still on it?`},
	} {
		if got := preview(c.body); !strings.Contains(got, c.says) {
			t.Errorf("%s\ngives %s\nwant  %s", c.body, got, c.says)
		}
	}
	d.must(404, "POST", "/v1/templates/preview", `{"language": "de", "channel": "sms", "purpose": "page", "incident": "HOT-999"}`)
}

// A language is added by one document.
func TestLanguages(t *testing.T) {
	d := newDesk(t)
	english := d.must(200, "GET", "/v1/languages/en", "").body
	words := english[strings.Index(english, `"words":`) : len(strings.TrimSpace(english))-1]
	french := `{` + strings.Replace(words, `"Service %s."`, `"Service %s touché."`, 1) + `}`
	d.must(404, "GET", "/v1/languages/fr", "")
	d.must(200, "PUT", "/v1/languages/fr", french)
	if got := d.must(200, "POST", "/v1/templates/preview", `{"language": "fr", "channel": "sms", "purpose": "page"}`).body; !strings.Contains(got, "Service bitbucket touché.") {
		t.Error(got)
	}
	if got := d.must(200, "GET", "/v1/languages", "").body; strings.Count(got, `"built_in":true`) != 2 || !strings.Contains(got, `"tag":"fr"`) {
		t.Error(got)
	}
	for change, says := range map[string]string{
		`"Service."`:       `/words/service (Service.) has the placeholders [], and needs ["s1"]`,
		`"Service %s ça."`: `/words/service (Service %s ça.) has ç, which the GSM alphabet of SMS has not`,
	} {
		if got := d.must(422, "PUT", "/v1/languages/fr", `{`+strings.Replace(words, `"Service %s."`, change, 1)+`}`).said(); !strings.Contains(got, says) {
			t.Errorf("%s: %s", change, got)
		}
	}
	d.must(204, "DELETE", "/v1/languages/fr", "")
	d.must(404, "DELETE", "/v1/languages/en", "")
}
