package callbacks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"rouse/api/devices"
	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/webpush"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Devices remembers browsers that pushes can be sent to; *devices.Desk is it outside tests.
type Devices interface {
	// Add makes a browser a contact of somebody. Adding it again does nothing. devices.ErrFull: nobody may
	// have more. rosterdb.ErrNotFound: there is no such person any more.
	Add(ctx context.Context, who rosters.PersonID, subscription webpush.Subscription) error
}

// ViewPage shows what a message was about, and how it stands, to whoever opens its link: GET /p/{token}, and
// GET /a/{token} of older messages. It changes nothing: previews and scanners open links (rule 10).
func (h *Handler) ViewPage(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	v, err := h.pageView(r)
	if err != nil {
		h.noPage(w, r, err)
		return
	}
	h.writePage(w, r, http.StatusOK, h.shown(r, v, ""))
}

// AnswerPage takes a button of the page: POST /p/{token}/{answer}. The page that comes back says what it did.
//
// There is no other secret in the form against requests that other pages make (CSRF), as there is nothing that
// they could borrow: no cookie and no password goes with a request, the token in its path is all that it goes
// by, and whoever can write the path can ask for it themselves. Other pages learn no token: it is sent as no
// Referer, and the page can be put into no frame.
func (h *Handler) AnswerPage(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, http.MethodPost) {
		return
	}
	status, text := h.press(r)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	v, err := h.pageView(r)
	if err != nil {
		h.writePage(w, r, status, page{Text: text})
		return
	}
	h.writePage(w, r, status, h.shown(r, v, text))
}

// Seen takes in that a push is shown: POST /p/{token}/seen. It is a receipt, and acknowledges nothing.
func (h *Handler) Seen(w http.ResponseWriter, r *http.Request) {
	secret(w)
	token := r.PathValue("token")
	if !urlSafe.MatchString(token) {
		http.Error(w, sentencesIn("").notValid, http.StatusNotFound)
		return
	}
	_, err := once(r, func(ctx context.Context) (struct{}, error) { return struct{}{}, h.engine.Seen(ctx, token) })
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, pager.ErrNotFound):
		http.Error(w, sentencesIn("").notValid, http.StatusNotFound)
	default:
		h.log.ErrorContext(r.Context(), "receipt not taken in", "err", mask(err))
		w.Header().Set("Retry-After", "5")
		http.Error(w, "try again", http.StatusServiceUnavailable)
	}
}

const maxSubscription = 8 << 10 // bytes

// Subscribe makes the browser that shows the page a contact of its person: POST /p/{token}/push, with what
// PushSubscription.toJSON gives.
func (h *Handler) Subscribe(w http.ResponseWriter, r *http.Request) {
	secret(w)
	v, err := h.pageView(r)
	if err != nil || h.devices == nil {
		http.Error(w, sentencesIn("").notValid, http.StatusNotFound)
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		http.Error(w, "The Content-Type is not application/json.", http.StatusUnsupportedMediaType)
		return
	}
	var asked struct {
		Endpoint string
		Keys     struct{ P256dh, Auth string }
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSubscription)).Decode(&asked); err != nil {
		http.Error(w, "The body is not a push subscription.", http.StatusBadRequest)
		return
	}
	s, err := webpush.NewSubscription(asked.Endpoint, asked.Keys.P256dh, asked.Keys.Auth)
	if err != nil {
		http.Error(w, "The body is not a push subscription: "+err.Error()+".", http.StatusBadRequest)
		return
	}
	if err := h.endpoint(asked.Endpoint); err != nil {
		http.Error(w, "The endpoint "+err.Error()+".", http.StatusBadRequest)
		return
	}
	_, err = once(r, func(ctx context.Context) (struct{}, error) { return struct{}{}, h.devices.Add(ctx, v.Person.ID, s) })
	switch {
	case err == nil:
	case errors.Is(err, devices.ErrFull):
		http.Error(w, sentencesIn(v.Person.Language).full, http.StatusConflict)
		return
	case errors.Is(err, rosterdb.ErrNotFound):
		http.Error(w, sentencesIn(v.Person.Language).notValid, http.StatusNotFound)
		return
	default:
		h.log.ErrorContext(r.Context(), "browser not added", "person", v.Person.ID, "err", mask(err))
		w.Header().Set("Retry-After", "5")
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	h.log.InfoContext(r.Context(), "browser added", "person", v.Person.ID, "service", s.Service())
	w.WriteHeader(http.StatusNoContent)
}

func (h *Handler) pageView(r *http.Request) (pager.PageView, error) {
	token := r.PathValue("token")
	if !urlSafe.MatchString(token) {
		return pager.PageView{}, pager.ErrNotFound
	}
	return once(r, func(ctx context.Context) (pager.PageView, error) { return h.engine.View(ctx, token) })
}

func (h *Handler) noPage(w http.ResponseWriter, r *http.Request, err error) {
	words := sentencesIn(languageOf(r))
	if errors.Is(err, pager.ErrNotFound) {
		h.writePage(w, r, http.StatusNotFound, page{Text: words.notValid})
		return
	}
	h.log.ErrorContext(r.Context(), "page not shown", "err", mask(err))
	w.Header().Set("Retry-After", "5")
	// The buttons need only the token: whoever was woken may answer though nothing can be read.
	p := page{Text: plain(languageOf(r), notifiers.TryAgain), Action: h.base + "/p/" + r.PathValue("token") + "/"}
	p.Ack, p.Decline = notifiers.PushButtons(notifiers.Message{Language: languageOf(r)})
	h.writePage(w, r, http.StatusServiceUnavailable, p)
}

// shown is the page about an incident; text is what an answer did, "" if none was given.
func (h *Handler) shown(r *http.Request, v pager.PageView, text string) page {
	language := v.Person.Language
	if language == "" {
		language = languageOf(r)
	}
	words, m := sentencesIn(language), v.Message
	m.Language = language
	p := page{Language: notifiers.VoiceLanguage(language), Key: m.Key, Severity: m.Severity, Summary: notifiers.PageSummary(m), About: notifiers.PageAbout(m), Text: text}
	for _, o := range m.Also {
		p.Also = append(p.Also, fmt.Sprintf("%s SEV%d %s", o.Key, o.Severity, o.Summary))
	}
	if v.Open {
		p.Action = h.base + "/p/" + r.PathValue("token") + "/"
		p.Ack, p.Decline = notifiers.PushButtons(m)
	}
	switch {
	case v.Mine:
		p.Holder, p.Taken = words.yours, true
	case v.Holder != "":
		p.Holder, p.Taken = fmt.Sprintf(words.holder, v.Holder), true
	case v.Status != engine.Resolved:
		p.Holder = words.nobody
	}
	p.Facts = append(p.Facts, fmt.Sprintf(words.since, v.OpenedAt.In(v.Person.Location()).Format(time.DateTime)), words.status[v.Status])
	if v.Manager != "" && v.Manager != v.Holder {
		p.Facts = append(p.Facts, fmt.Sprintf(words.managerIs, v.Manager))
	}
	for _, o := range v.Paged {
		if !o.You {
			p.Paged = append(p.Paged, paged{o.Name, notifiers.RoleIn(language, o.Role), words.pageState[o.State]})
		}
	}
	p.PagedTitle = words.paged
	if key := h.pushKey(); key != "" && h.devices != nil {
		p.PushKey, p.PushTo, p.PushOffer, p.PushDone, p.PushFailed = key, h.base+"/p/"+r.PathValue("token")+"/push", words.pushOffer, words.pushDone, words.pushFailed
	}
	return p
}
