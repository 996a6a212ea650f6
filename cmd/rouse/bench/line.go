package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"rouse/notifiers/fake"
	"rouse/rosters"
)

// line is a Twilio that says when it was asked to text and to call whom, takes all of it, and tells nothing more.
// A simulated one would cost more than what is measured.
type line struct {
	*httptest.Server

	state fake.State
	asked []asked // only ever added to
}

// asked is one text or call that was wanted.
type asked struct {
	channel rosters.Channel
	number  string
	at      time.Time
}

func startLine() *line {
	l := &line{}
	l.Server = httptest.NewServer(http.HandlerFunc(l.take))
	return l
}

func (l *line) take(w http.ResponseWriter, r *http.Request) {
	a := asked{channel: rosters.SMS, at: time.Now()}
	if strings.HasSuffix(r.URL.Path, "/Calls.json") {
		a.channel = rosters.Voice
	}
	a.number = r.PostFormValue("To")
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodPost { // whether it has something: it is not asked so but in doubt
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, `{"code": 20404, "message": "not found", "status": 404}`)
		return
	}
	no := 0
	l.state.Update(func() {
		l.asked = append(l.asked, a)
		no = len(l.asked)
	})
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"sid": "SM%032x", "status": "queued"}`, no)
}

// await waits until so many messages were wanted, and returns those, or fewer when the time is over.
func (l *line) await(ctx context.Context, n int, within time.Duration) []asked {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	l.state.Await(ctx, func() bool { return len(l.asked) >= n })
	l.state.Lock()
	defer l.state.Unlock()
	return l.asked
}

// follow shows every text and call to see, in order, those to come as well, until it has seen enough.
func (l *line) follow(ctx context.Context, within time.Duration, see func(asked) (enough bool)) error {
	return follow(ctx, &l.state, &l.asked, "texts and calls", within, see)
}

// settings has a server use the line.
func (l *line) settings() []string {
	return []string{"ROUSE_TWILIO_ACCOUNT_SID=AC" + strings.Repeat("0", 32), "ROUSE_TWILIO_AUTH_TOKEN=bench", "ROUSE_TWILIO_FROM=+15005550006",
		"ROUSE_TWILIO_BASE_URL=" + l.URL}
}
