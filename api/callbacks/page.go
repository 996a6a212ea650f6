package callbacks

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"

	"rouse/notifiers"
)

// page is the one page there is: a sentence, and two buttons if there is something to answer.
type page struct {
	Text         string
	Action       string // where the buttons post to, with "ack" or "decline" behind; "" for no buttons
	Ack, Decline string
	Language     string
}

const style = `body{font:1.2rem/1.5 system-ui,sans-serif;max-width:28rem;margin:2rem auto;padding:0 1rem}` +
	`button{font:inherit;width:100%;padding:1rem;margin:.5rem 0;border-radius:.5rem;border:1px solid;cursor:pointer}`

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="{{.Language}}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>Rouse</title>
<style>` + style + `</style>
<h1>Rouse</h1>
<p>{{.Text}}</p>
{{if .Action}}<form method="post" action="{{.Action}}ack"><button>{{.Ack}}</button></form>
<form method="post" action="{{.Action}}decline"><button>{{.Decline}}</button></form>
{{end}}</html>
`))

// policy lets the page do nothing but look as it does and post to where it came from.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

func writePage(w http.ResponseWriter, r *http.Request, status int, p page) {
	p.Language = notifiers.VoiceLanguage(languageOf(r))
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		panic(err) // nothing in it can fail
	}
	secret(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser is gone
}

// secret sets what an answer at a path with a secret in it needs.
func secret(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Robots-Tag", "noindex")
}
