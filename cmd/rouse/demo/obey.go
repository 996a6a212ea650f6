package demo

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// obey fires the first alert, and then does what is typed until the input ends.
func (d *demo) obey(ctx context.Context, k *keyboard) error {
	restore, err := k.open(d.screen)
	if err != nil {
		return fmt.Errorf("taking the terminal over: %w", err)
	}
	defer restore()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // alerts that were not accepted yet are given up
	d.raise()
	d.post(ctx, d.alerts.next("bitbucket", "critical", "Pushes fail with HTTP 500"), "firing", "")
	for {
		line, ok := k.next(ctx)
		if !ok {
			return nil
		}
		c, err := parse(line)
		if c.verb == "quit" && err == nil {
			return nil
		}
		said := ""
		if err == nil {
			said, err = d.carryOut(ctx, c)
		}
		if err != nil && ctx.Err() == nil {
			said = "  " + d.screen.painted(red, err.Error()+".") + "\n"
		}
		if said != "" {
			d.screen.print(said)
		}
	}
}

// carryOut does one command. What it says is for commands that ask; what the others do is an event.
func (d *demo) carryOut(ctx context.Context, c command) (string, error) {
	switch c.verb {
	case "phone":
		return d.use(c)
	case "fire":
		d.post(ctx, d.alerts.next(c.service, c.severity, c.text), "firing", "")
	case "repeat", "resolve":
		return "", d.again(ctx, c)
	case "page":
		return "", d.pageIn(ctx, c)
	case "kill":
		return "", d.killServer()
	case "restart":
		return "", d.restartServer(ctx)
	case "provider":
		return "", d.setProviders(c)
	case "oncall":
		return d.whoIsWho(ctx)
	case "incidents":
		return d.incidents(ctx)
	case "show":
		return d.one(ctx, c.key)
	case "wait":
		select {
		case <-time.After(c.pause):
		case <-ctx.Done():
		}
	case "help":
		return help(d.screen), nil
	}
	return "", nil
}

// post has Alertmanager post an alert, as often as it takes; nobody waits for it.
func (d *demo) post(ctx context.Context, one alert, status, why string) {
	d.printing.Go(func() {
		_, _ = d.alerts.post(ctx, one, status, why) // how it goes is shown
	})
}

func (d *demo) again(ctx context.Context, c command) error {
	one, ok := d.alerts.of(c.key)
	if !ok {
		return fmt.Errorf("there is no %s: `incidents` lists them", c.key)
	}
	if c.verb == "resolve" {
		d.post(ctx, one, "resolved", "")
	} else {
		d.post(ctx, one, "firing", " again")
	}
	return nil
}

// use does something with a phone.
func (d *demo) use(c command) (said string, err error) {
	p := d.phones.of(c.person)
	switch c.act {
	case "ack", "decline":
		err = p.answer(c.act == "ack")
	case "reply":
		p.line.Reply(c.text)
	case "press":
		err = p.line.Press(c.text)
	case "answer":
		err = p.line.Answer()
	case "hangup":
		err = p.line.HangUp()
	case "push":
		err = p.pressButton(c.text == "ack")
	case "voicemail":
		if p.voicemail() {
			said = fmt.Sprintf("  From now on %s's calls go to voicemail.\n", c.person.handle)
		}
	}
	return said, err
}

func (d *demo) pageIn(ctx context.Context, c command) error {
	inc, err := d.incidentNow(ctx, c.key)
	if err != nil {
		return err
	}
	wish := object{"why": c.text, "wait": d.pace.wait.String()}
	if inc.Manager != "" {
		wish["by"] = inc.Manager
	}
	if _, ok := rosterByID(c.target); ok {
		wish["roster"] = c.target
	} else {
		wish["person"] = c.target
	}
	return d.rest.post(ctx, "/v1/incidents/"+c.key+"/page", wish, nil)
}

func (d *demo) killServer() error {
	began := time.Now()
	pid := d.process.Kill()
	if pid == 0 {
		return errDown
	}
	d.rest.http.CloseIdleConnections()
	d.journal.add(event{at: began, kind: server, who: "server", text: fmt.Sprintf("killed with SIGKILL (process %d)", pid)})
	return nil
}

func (d *demo) restartServer(ctx context.Context) error {
	took, err := d.process.Start(ctx)
	if err != nil {
		return err
	}
	d.journal.add(event{kind: server, who: "server",
		text: fmt.Sprintf("started again (process %d), ready after %d ms", d.process.PID(), took.Milliseconds())})
	return nil
}

func (d *demo) setProviders(c command) error {
	if err := d.phones.fault(c.text, c.down); err != nil {
		return err
	}
	who, state := c.text, "in order again"
	if who == "" {
		who = "ntfy, twilio"
	}
	if c.down {
		state = "out of order: everything is answered with 503"
	}
	d.journal.add(event{kind: provider, who: who, text: state})
	return nil
}

func (d *demo) incidents(ctx context.Context) (string, error) {
	var list struct {
		Items []incident `json:"items"`
	}
	if err := d.rest.get(ctx, "/v1/incidents", &list); err != nil {
		return "", err
	}
	if len(list.Items) == 0 {
		return "  There is no incident yet: fire makes one.\n", nil
	}
	rows := table{{"key", "sev", "status", "service", "manager", "alerts", "summary"}}
	for _, inc := range list.Items {
		rows = append(rows, []string{inc.Key, fmt.Sprint(inc.Severity), inc.Status, orDash(inc.Service), orDash(inc.Manager),
			fmt.Sprint(inc.Alerts), inc.Summary})
	}
	return d.screen.table(rows), nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// one is everything about an incident.
func (d *demo) one(ctx context.Context, key string) (string, error) {
	inc, err := d.incidentNow(ctx, key)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s severity %d, %s, service %s: %s\n", d.screen.painted(bold, inc.Key), inc.Severity, inc.Status, orDash(inc.Service), inc.Summary)
	for _, e := range inc.Escalations {
		fmt.Fprintf(&b, "  %s: %s %s\n", e.Role, e.State, e.Holder)
	}
	for _, l := range inc.Timeline {
		for i, part := range wrap(l.Text, d.screen.columns()-14) {
			at := ""
			if i == 0 {
				at = fmt.Sprintf("%.2fs", l.At.Sub(d.began).Seconds())
			}
			fmt.Fprintf(&b, "  %9s  %s\n", at, part)
		}
	}
	return b.String(), nil
}

func help(s *screen) string {
	rows := table{{"command", "what it does"}}
	for _, v := range verbs {
		rows = append(rows, []string{v.usage, v.help})
	}
	for _, row := range [][]string{
		{"<person> ack | decline", "answer by key in a call, else to what came last, SMS or push: bob ack"},
		{"<person> reply <text>", "text back: bob reply 123456"},
		{"<person> answer | press <keys>", "pick up; press keys: 1 acknowledges, 2 declines, 9 repeats"},
		{"<person> voicemail | hangup", "let a machine pick up; hang up, or turn the call away"},
		{"<person> push ack | push decline", "press a button of the newest push"},
	} {
		rows = append(rows, row)
	}
	return s.table(rows)
}
