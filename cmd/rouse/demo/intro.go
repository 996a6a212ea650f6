package demo

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// introduction tells a stranger what there is to see.
func (d *demo) introduction(ctx context.Context, script bool) string {
	var b strings.Builder
	b.WriteString(d.screen.painted(bold, "Rouse pages people until somebody answers.") + "\n\n")
	b.WriteString(d.screen.paragraph(`This is a made-up company: three services, twelve people, six rosters. The Rouse server and its ` +
		`Postgres are real, in processes of their own. Only the phones are played, and Twilio and ntfy between Rouse and them. ` +
		`Waits are seconds where a company would have minutes.`))
	table, err := d.whoIsWho(ctx)
	if err != nil {
		table = err.Error() + "\n"
	}
	b.WriteString(table + "\n")
	b.WriteString(d.ladders() + "\n")
	b.WriteString(fmt.Sprintf("  Everybody gets a push at once, an SMS after %s, a call after %s; Dana and Kofi a call after 1s.\n\n",
		d.pace.sms, d.pace.call))
	b.WriteString(fmt.Sprintf("  server   %s, process %d\n  its log  %s\n\n", d.process.URL(), d.process.PID(), d.process.Log))
	if script {
		b.WriteString(d.screen.paragraph("Now a story that is always the same. Every step is checked: a line with ✓ says what came true."))
	} else {
		b.WriteString(d.screen.paragraph("An alert comes in now. You are the phones: type what they do, such as `ann ack`, or do nothing and see " +
			"who is paged next. `kill` ends the server under it all, `restart` starts it again. `help` lists what there is, Ctrl-D ends it."))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// whoIsWho lists people with what time it is where they are, and what they are on call for.
func (d *demo) whoIsWho(ctx context.Context) (string, error) {
	var list struct {
		Items []onCall `json:"items"`
	}
	if err := d.rest.get(ctx, "/v1/oncall", &list); err != nil {
		return "", err
	}
	rows := table{{"person", "name", "zone", "there", "on call now"}}
	for _, p := range people {
		zone, err := time.LoadLocation(p.zone)
		if err != nil {
			return "", err
		}
		var duties []string
		for _, r := range list.Items {
			for _, on := range r.OnCall {
				if on.Person == p.handle {
					duties = append(duties, fmt.Sprintf("%s, until %s", r.Roster, on.Until.In(zone).Format("Mon 15:04")))
				}
			}
		}
		rows = append(rows, []string{p.handle, p.name, p.zone, time.Now().In(zone).Format("Mon 15:04"), orDash(strings.Join(duties, "; "))})
	}
	return d.screen.table(rows), nil
}

// ladders lists what is paged for which service.
func (d *demo) ladders() string {
	rows := table{{"service", "whom its alerts page, level by level"}}
	for _, s := range services {
		levels := strings.Join(s.levels, fmt.Sprintf(", %s later ", d.pace.wait))
		rows = append(rows, []string{s.id, fmt.Sprintf("%s, %s later imoc; then again from the start", levels, d.pace.wait)})
	}
	rows = append(rows, []string{"any other", "imoc, the incident managers on call for the whole company"})
	return d.screen.table(rows)
}
