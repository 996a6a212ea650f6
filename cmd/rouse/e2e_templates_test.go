package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A German template words the next SMS; a broken row in the table still pages, in built-in words, and is told.
func TestE2EOperatorsChangeTheWording(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0))
	h.does("PUT", "/v1/people/ann", object{"name": ann.name, "language": "de", "contacts": []object{{"channel": "sms", "address": ann.Number()}}}, nil)
	h.service("bitbucket", nil, level(later, ann))

	const draft = `{{.Key}} SEV{{.Severity}} {{sentence .Summary}} Code {{.Code}} heißt: ich kümmere mich.{{if .More}} Alle: {{.Keys}}{{end}} {{.Rest}}`
	t.Log("a draft that would not do is refused, with its line")
	if _, errs, status := h.rouse("", "{{.Key}} SEV{{.Severity}} {{.Summary}}\n{{.Kode}}", "template", "set", "de", "sms", "page", "--file", "-"); status != 1 || !strings.Contains(errs, `text "{{.Kode}}": line 2: there is no field .Kode`) {
		t.Errorf("status %d: %s", status, errs)
	}
	if out, _, status := h.rouse("", draft+" Danke ✉", "template", "preview", "--language", "de", "--file", "-"); status != 0 ||
		!strings.Contains(out, "text: 2 segments in UCS-2") || !strings.Contains(out, "UCS-2 because of ✉") {
		t.Errorf("status %d: %s", status, out)
	}
	if out, errs, status := h.rouse("", draft, "template", "set", "de", "sms", "page", "--file", "-"); status != 0 {
		t.Fatalf("%s%s", out, errs)
	}
	h.wordingIs(2)
	key := h.alert("bitbucket", 1, "Pushes fail")
	ann.ExpectSMS(t, soon, key+" SEV1 Pushes fail. Code ", " heißt: ich kümmere mich.")
	if out, _, status := h.rouse("", "", "template", "preview", "--language", "de", "--incident", key); status != 0 || !strings.Contains(out, key+" SEV1 Pushes fail. Code 482913") {
		t.Errorf("status %d: %s", status, out)
	}

	t.Log("a row that is broken by hand pages all the same, and readyz, metrics and doctor know of it")
	db, err := pgx.Connect(t.Context(), h.database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(t.Context()) })
	for _, sql := range []string{`update template set text = '{{.Key'`, `insert into language (tag, words) values ('fr', '42')`, `update wording set version = version + 1`} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	h.wordingIs(3)
	key = h.alert("bitbucket", 1, "Pulls fail, too")
	ann.ExpectSMS(t, soon, key+" SEV1 Pulls fail, too. Dienst bitbucket. Antwort ")
	if _, _, body, err := h.ask(h.door.URL, "GET", "/readyz", "", nil); err != nil || !strings.Contains(string(body), "de/sms/page, text: line 1: ") || !strings.Contains(string(body), "language fr: ") {
		t.Errorf("readyz says %s %v", body, err)
	}
	if _, _, body, err := h.ask(h.door.URL, "GET", "/metrics", "", nil); err != nil || !strings.Contains(string(body), "rouse_templates_unusable 2") {
		t.Errorf("metrics: %v", err)
	}

	t.Log("a template that fails as a message is made is counted")
	for _, sql := range []string{`update template set text = 'Hallo {{.Code}}'`, `delete from language`, `update wording set version = version + 1`} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	h.wordingIs(4)
	key = h.alert("bitbucket", 1, "All fails")
	ann.ExpectSMS(t, soon, key+" SEV1 All fails. Dienst bitbucket. Antwort ")
	failed := false
	for _, n := range h.nodes {
		failed = failed || strings.Contains(h.log(n), "a template failed, built-in words were sent")
	}
	if !failed {
		t.Error("no log tells that a template failed")
	}
}

// wordingIs waits until every node has read a version of the wording.
func (h *house) wordingIs(version int) {
	h.t.Helper()
	for _, n := range h.nodes {
		if !eventually(func() bool {
			return strings.Contains(h.log(n), fmt.Sprintf("the wording of messages was read version=%d", version)) ||
				strings.Contains(h.log(n), fmt.Sprintf(`"the wording of messages was read" version=%d`, version))
		}) {
			h.t.Fatalf("a node has not read version %d of the wording", version)
		}
	}
}
