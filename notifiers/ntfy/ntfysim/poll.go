package ntfysim

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

var pollForm = regexp.MustCompile(`^/([-_A-Za-z0-9]{1,64})/json$`)

// poll answers with the messages of a topic, one a line: https://docs.ntfy.sh/subscribe/api/#poll-for-messages. Of
// since it knows times and durations.
func (s *Sim) poll(w http.ResponseWriter, r *http.Request) {
	m := pollForm.FindStringSubmatch(r.URL.Path)
	if m == nil || r.URL.Query().Get("poll") != "1" {
		write(w, http.StatusNotFound, problem{40401, http.StatusNotFound, "page not found", ""})
		return
	}
	if s.cfg.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.cfg.Token {
		write(w, http.StatusForbidden, problem{40301, http.StatusForbidden, "forbidden", "https://ntfy.sh/docs/publish/#authentication"})
		return
	}
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" && text != "all" {
		d, err := time.ParseDuration(text)
		unix, bad := strconv.ParseInt(text, 10, 64)
		switch {
		case err == nil:
			since = time.Now().Add(-d)
		case bad == nil:
			since = time.Unix(unix, 0)
		default:
			write(w, http.StatusBadRequest, problem{40008, http.StatusBadRequest, "invalid since parameter", "https://ntfy.sh/docs/subscribe/api/#fetch-cached-messages"})
			return
		}
	}
	w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
	lines := json.NewEncoder(w)
	for _, p := range s.Phone(m[1]).Inbox() {
		if !p.At.Before(since) {
			_ = lines.Encode(map[string]any{"id": p.ID, "time": p.At.Unix(), "event": "message", "topic": m[1], "title": p.Title, "message": p.Message}) // the client may be gone
		}
	}
}
