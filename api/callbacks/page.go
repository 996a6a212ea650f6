package callbacks

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"time"

	"rouse/notifiers"
)

//go:embed assets
var assets embed.FS

var pageTemplate = template.Must(template.ParseFS(assets, "assets/page.html"))

// page is what the one page there is shows: what there is to answer, and what became of it.
type page struct {
	Language string
	Base     string // before every path

	Key      string // "" if nothing of the incident is told
	Severity int
	Summary  string
	About    string   // service and role
	Also     []string // other incidents that are answered with it

	Text         string // a sentence; "" for none
	Action       string // where the buttons post to, with "ack" or "decline" behind; "" for no buttons
	Ack, Decline string

	Holder     string // who has it, as a sentence; "" if nobody has to
	Taken      bool   // somebody does
	PagedTitle string
	Paged      []paged
	Facts      []string

	PushKey                                 string // that a browser subscribes with; "" offers no pushes
	PushTo, PushOffer, PushDone, PushFailed string
}

// paged is somebody else who was paged.
type paged struct{ Name, Role, State string }

// policy lets the page load its own style and script, ask Rouse, and post to it.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; manifest-src 'self'; worker-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (h *Handler) writePage(w http.ResponseWriter, r *http.Request, status int, p page) {
	p.Base = h.base
	if p.Language == "" {
		p.Language = notifiers.VoiceLanguage(languageOf(r))
	}
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

// kinds are those of the files that the page loads.
var kinds = map[string]string{
	"app.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "sw.js": "text/javascript; charset=utf-8",
	"icon.svg": "image/svg+xml", "app.webmanifest": "application/manifest+json",
}

// Asset serves what the page loads: GET /app.css, /app.js, /sw.js, /icon.svg and /app.webmanifest.
func (h *Handler) Asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("asset")
	kind, ok := kinds[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	content, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "max-age=300")
	if name == "sw.js" {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// App is what opens when the page was put on a phone's home screen: GET /app. It tells nothing: pushes and
// links lead to what there is to answer.
func (h *Handler) App(w http.ResponseWriter, r *http.Request) {
	h.writePage(w, r, http.StatusOK, page{Text: sentencesIn(languageOf(r)).app})
}
