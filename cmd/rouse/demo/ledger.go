package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers/ntfy/ntfysim"
	"rouse/notifiers/twilio/twiliosim"
	"rouse/rosters"
)

// attemptRef names an attempt: what one message is sent for.
type attemptRef struct {
	incident int64
	no       int
}

// message is one call that a provider took, and what it was for.
type message struct {
	channel rosters.Channel
	at      time.Time
	attempt attemptRef // zero if that cannot be found out
}

// ledger compares what was accepted with what providers were called for.
type ledger struct {
	rows       []ledgerRow
	alerts     int // accepted
	sent       map[rosters.Channel]int
	pending    int      // attempts that are still to be sent
	duplicates int      // messages for an attempt that had one
	lost       []string // what was accepted or decided, and never came to anybody
}

type ledgerRow struct {
	key     string
	alerts  int
	first   time.Duration // from before the POST that opened it to the first call of a provider; negative: there was none
	sent    map[rosters.Channel]int
	status  engine.Status
	manager rosters.PersonID
}

// ledger reads what the demo posted, what the providers saw, and what the database says of both.
func (d *demo) ledger() (ledger, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	messages, err := d.messages(ctx)
	if err != nil {
		return ledger{}, err
	}
	incidents := map[string]engine.Incident{}
	took := d.alerts.history()
	for _, a := range took {
		inc, err := enginedb.New(d.db).Incident(ctx, engine.Key(a.key))
		switch {
		case err == nil:
			incidents[a.key] = inc
		case !errors.Is(err, enginedb.ErrNotFound):
			return ledger{}, fmt.Errorf("counting incidents: %w", err)
		}
	}
	return tally(took, messages, incidents), nil
}

// tally compares alerts that were accepted, messages that providers took, and the incidents by key.
func tally(took []accepted, messages []message, incidents map[string]engine.Incident) ledger {
	l := ledger{alerts: len(took), sent: map[rosters.Channel]int{}}
	byAttempt := map[attemptRef][]message{}
	for _, m := range messages {
		l.sent[m.channel]++
		byAttempt[m.attempt] = append(byAttempt[m.attempt], m)
	}
	if n := len(byAttempt[attemptRef{}]); n > 0 {
		l.lost = append(l.lost, fmt.Sprintf("%d messages are for no attempt that the database knows", n))
		delete(byAttempt, attemptRef{})
	}
	for _, sent := range byAttempt {
		l.duplicates += len(sent) - 1
	}
	counted := map[string]bool{}
	for _, a := range took {
		inc, ok := incidents[a.key]
		switch {
		case !ok:
			l.lost = append(l.lost, fmt.Sprintf("%q was accepted as %s, which is not there", a.alert.summary, orDash(a.key)))
		case !counted[a.key]: // the first one, which opened it
			counted[a.key] = true
			l.count(inc, a.at, byAttempt)
		}
	}
	return l
}

// count adds one incident.
func (l *ledger) count(inc engine.Incident, posted time.Time, byAttempt map[attemptRef][]message) {
	row := ledgerRow{key: string(inc.Key), alerts: inc.AlertN, first: -1, sent: map[rosters.Channel]int{}, status: inc.Status, manager: inc.Manager}
	attempts := 0
	for _, e := range inc.Escalations {
		for _, p := range e.Pages {
			for _, a := range p.Attempts {
				attempts++
				sent := byAttempt[attemptRef{inc.ID, a.No}]
				for _, m := range sent {
					row.sent[m.channel]++
					if after := m.at.Sub(posted); row.first < 0 || after < row.first {
						row.first = after
					}
				}
				switch {
				case len(sent) > 0:
				case a.State == engine.Queued || a.State == engine.Sending:
					l.pending++
				case a.State == engine.Sent || a.State == engine.Delivered:
					l.lost = append(l.lost, fmt.Sprintf("%s: %s to %s is called %s, and no provider saw it", inc.Key, a.Channel, p.Person, a.State))
				}
			}
		}
	}
	if attempts == 0 && inc.Status != engine.Resolved && inc.Deadline().IsZero() {
		l.lost = append(l.lost, fmt.Sprintf("%s was accepted, and nobody is or will be paged", inc.Key))
	}
	l.rows = append(l.rows, row)
}

// messages is everything that providers took.
func (d *demo) messages(ctx context.Context) ([]message, error) {
	list := d.pushes()
	type taken struct {
		at    time.Time
		call  bool
		nonce string
	}
	texts := map[string]*taken{} // by Twilio's SID
	for _, e := range d.phones.twilio.Events() {
		switch {
		case e.Kind == twiliosim.Requested && e.SID != "" && (e.Text == "POST Messages" || e.Text == "POST Calls"):
			texts[e.SID] = &taken{at: e.At, call: e.Text == "POST Calls"}
		case e.Kind == twiliosim.CalledBack && texts[e.SID] != nil:
			texts[e.SID].nonce = cmp.Or(texts[e.SID].nonce, nonceIn(e.URL))
		}
	}
	for _, t := range texts {
		if t.nonce == "" && !t.call {
			continue // ordinary words, that somebody has it: no receipt is asked for
		}
		m := message{channel: rosters.SMS, at: t.at}
		if t.call {
			m.channel = rosters.Voice
		}
		ref, err := enginedb.New(d.db).PageOfAttempt(ctx, t.nonce)
		if err == nil {
			m.attempt = attemptRef{ref.Incident, ref.Attempt}
		} else if ctx.Err() != nil {
			return nil, fmt.Errorf("counting messages: %w", err)
		}
		list = append(list, m)
	}
	return list, nil
}

var (
	nonceInURL = regexp.MustCompile(`/callbacks/twilio/[a-z]+/([^/?#]+)`)
	tokenInURL = regexp.MustCompile(`/a/([0-9a-z]+)-([0-9a-z]+)-`) // incident and attempt, in base 36
)

// nonceIn is the nonce that callbacks about a message carry in their URL.
func nonceIn(url string) string {
	if m := nonceInURL.FindStringSubmatch(url); m != nil {
		return m[1]
	}
	return ""
}

// pushes is everything that ntfy took. What a push was for stands in its buttons.
func (d *demo) pushes() (list []message) {
	buttons := map[string]string{} // URL of the first, by ntfy's id
	for _, p := range people {
		for _, push := range d.phones.of(p).app.Inbox() {
			if len(push.Actions) > 0 {
				buttons[push.ID] = push.Actions[0].URL
			}
		}
	}
	for _, e := range d.phones.ntfy.Events() {
		if e.Kind != ntfysim.Requested || e.ID == "" || buttons[e.ID] == "" { // ordinary words have no button
			continue
		}
		m := message{channel: rosters.Push, at: e.At}
		if t := tokenInURL.FindStringSubmatch(buttons[e.ID]); t != nil {
			incident, _ := strconv.ParseInt(t[1], 36, 64) // the pattern lets digits only in
			no, _ := strconv.ParseInt(t[2], 36, 32)
			m.attempt = attemptRef{incident, int(no)}
		}
		list = append(list, m)
	}
	return list
}

// text is the final table.
func (l ledger) text(s *screen) string {
	rows := table{{"incident", "alerts", "POST to first page", "pages sent", "ends as"}}
	for _, r := range l.rows {
		first := "no page"
		if r.first >= 0 {
			first = fmt.Sprintf("%.1f ms", float64(r.first.Microseconds())/1000)
		}
		end := string(r.status)
		if r.manager != "" {
			end += ", manager " + string(r.manager)
		}
		rows = append(rows, []string{r.key, strconv.Itoa(r.alerts), first, byChannel(r.sent), end})
	}
	var b strings.Builder
	b.WriteString(s.table(rows) + "\n")
	verdict := green
	if l.duplicates > 0 || len(l.lost) > 0 {
		verdict = alarm
	}
	fmt.Fprintf(&b, "  alerts accepted %d, incidents %d, pages sent %s\n", l.alerts, len(l.rows), byChannel(l.sent))
	b.WriteString(s.painted(verdict, fmt.Sprintf("  duplicates %d, lost %d", l.duplicates, len(l.lost))))
	if l.pending > 0 {
		fmt.Fprintf(&b, ", still to be sent %d", l.pending)
	}
	b.WriteString("\n")
	for _, what := range l.lost {
		b.WriteString("    " + what + "\n")
	}
	return b.String()
}

func byChannel(sent map[rosters.Channel]int) string {
	total := 0
	var parts []string
	for _, c := range []rosters.Channel{rosters.Push, rosters.SMS, rosters.Voice} {
		if n := sent[c]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%s %d", c, n))
		}
	}
	return strings.TrimSuffix(fmt.Sprintf("%d: %s", total, strings.Join(parts, ", ")), ": ")
}
