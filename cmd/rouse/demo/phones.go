package demo

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/notifiers/fake"
	"rouse/notifiers/ntfy/ntfysim"
	"rouse/notifiers/twilio"
	"rouse/notifiers/twilio/twiliosim"
)

// phones is everybody's phone, with the two providers that reach them.
type phones struct {
	journal *journal
	twilio  *twiliosim.Sim
	ntfy    *ntfysim.Sim
}

// startPhones starts the providers. What they and the phones do goes into the journal.
func startPhones(j *journal, second time.Duration, publicURL string) (*phones, error) {
	t, err := twiliosim.Start(twiliosim.Config{
		Second:     second,
		SMSWebhook: publicURL + twilio.SMSPath,
		OnEvent:    func(e twiliosim.Event) { j.fromTwilio(e) },
	})
	if err != nil {
		return nil, err
	}
	n, err := ntfysim.Start(ntfysim.Config{OnEvent: func(e ntfysim.Event) { j.fromNtfy(e) }})
	if err != nil {
		t.Close()
		return nil, err
	}
	return &phones{journal: j, twilio: t, ntfy: n}, nil
}

func (p *phones) close() {
	p.twilio.Close()
	p.ntfy.Close()
}

// fault makes one provider, or with "" both, be out of order, or heals it.
func (p *phones) fault(name string, down bool) error {
	var f fake.Fault
	if down {
		f.Kind = fake.Unavailable
	}
	var err error
	if name != "ntfy" {
		err = p.twilio.Fault(f)
	}
	if name != "twilio" {
		err = errors.Join(err, p.ntfy.Fault(f))
	}
	return err
}

// phone is one person's phone: a number and a topic.
type phone struct {
	journal *journal
	line    *twiliosim.Phone
	app     *ntfysim.Phone
}

func (p *phones) of(who person) phone {
	return phone{journal: p.journal, line: p.twilio.Phone(who.number), app: p.ntfy.Phone(who.topic())}
}

// answer answers yes or no the way that suggests itself: by key while the phone rings or somebody
// talks on it, else to what came last, a text or a push.
func (p phone) answer(yes bool) error {
	if p.inCall() {
		return p.line.Press(map[bool]string{true: "1", false: "2"}[yes])
	}
	code, texted := p.code()
	push, shows := p.push()
	switch {
	case code == "" && !shows:
		return errors.New("no page is on this phone that could be answered")
	case shows && (code == "" || push.At.After(texted)):
		return p.pressButton(yes)
	case yes:
		p.line.Reply(code)
	default:
		p.line.Reply(code + " no")
	}
	return nil
}

func (p phone) inCall() bool {
	calls := p.line.Calls()
	if len(calls) == 0 {
		return false
	}
	status := calls[len(calls)-1].Status
	return status == "queued" || status == "ringing" || status == "in-progress"
}

var codeInText = regexp.MustCompile(`Reply (\d{4,8})`)

// code is the one that the newest text with one asks for, and when it came.
func (p phone) code() (code string, at time.Time) {
	for _, sms := range p.line.Inbox() {
		if found := codeInText.FindAllStringSubmatch(sms.Body, -1); found != nil {
			code, at = found[len(found)-1][1], sms.At
		}
	}
	return code, at
}

// push is the newest push that shows buttons.
func (p phone) push() (newest ntfysim.Push, ok bool) {
	for _, push := range p.app.Showing() {
		if len(push.Actions) == 2 {
			newest, ok = push, true
		}
	}
	return newest, ok
}

// pressButton presses the first or the second button of the newest push.
func (p phone) pressButton(first bool) error {
	push, ok := p.push()
	if !ok {
		return errors.New("no push with buttons is on this phone")
	}
	button := push.Actions[0]
	if !first {
		button = push.Actions[1]
	}
	handle := owner(p.app.Topic())
	p.journal.fromPhone(time.Now(), did, p.app.Topic(), push.Title, handle+" presses ["+button.Label+"]")
	if err := p.app.Press(button.Label); err != nil {
		p.journal.fromPhone(time.Now(), provider, p.app.Topic(), push.Title, "the button did nothing: Rouse does not answer, or says no")
	}
	return nil
}

// voicemail lets a machine take the call that rings, or else every call to come.
func (p phone) voicemail() (later bool) {
	if p.line.Voicemail() == nil {
		return false
	}
	p.line.OnCall(twiliosim.CallPlan{Do: twiliosim.Voicemail, After: 800 * time.Millisecond})
	return true
}

// owner finds who has a number or a topic.
func owner(address string) string {
	who, ok := find(people, func(p person) bool { return p.number == address || p.topic() == address })
	if !ok {
		return address
	}
	return who.handle
}

// keyInText is how every message begins (rule 14).
var keyInText = regexp.MustCompile(`^([A-Z]+-\d+)\b`)

func keyOf(text string) string {
	if m := keyInText.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// fromPhone adds what a phone showed, or what was done with it.
func (j *journal) fromPhone(at time.Time, k kind, address, detail, text string) {
	handle := owner(address)
	j.add(event{at: at, kind: k, key: keyOf(detail), who: handle + "'s phone", person: handle, detail: detail, text: text})
}

func (j *journal) fromTwilio(e twiliosim.Event) {
	switch e.Kind {
	case twiliosim.Texted:
		j.fromPhone(e.At, texted, e.Phone, e.Text, "SMS: "+e.Text)
	case twiliosim.Undelivered:
		j.fromPhone(e.At, provider, e.Phone, "", "an SMS does not arrive, error "+e.Text)
	case twiliosim.Ringing:
		j.fromPhone(e.At, rings, e.Phone, "", "rings")
	case twiliosim.Answered:
		if e.Text == "" {
			j.fromPhone(e.At, answered, e.Phone, "", owner(e.Phone)+" picks up")
			return
		}
		j.fromPhone(e.At, voicemail, e.Phone, "", "voicemail picks up")
	case twiliosim.Said:
		j.fromPhone(e.At, heard, e.Phone, e.Text, fmt.Sprintf("hears %q", e.Text))
	case twiliosim.Pressed:
		j.fromPhone(e.At, did, e.Phone, e.Text, owner(e.Phone)+" presses "+e.Text)
	case twiliosim.Ignored:
		j.fromPhone(e.At, did, e.Phone, "", "key "+e.Text+" is pressed, but nothing listens")
	case twiliosim.Ended:
		j.fromPhone(e.At, callOver, e.Phone, e.Text, "the call is over: "+callEnd(e.Text))
	case twiliosim.Replied:
		j.fromPhone(e.At, did, e.Phone, j.pageWith(owner(e.Phone), e.Text), fmt.Sprintf("%s texts %q", owner(e.Phone), e.Text))
	case twiliosim.Failed:
		j.fromPhone(e.At, provider, e.Phone, e.Text, "the call or text could not go on: "+e.Text)
	case twiliosim.Requested:
		if e.Status >= 400 && e.Text != "POST Call" { // hanging up a call that is over: nothing is wrong
			j.add(event{at: e.At, kind: provider, who: "twilio", text: fmt.Sprintf("refuses %s: %d", e.Text, e.Status)})
		}
	case twiliosim.CalledBack:
		detail := e.SID + " " + e.Text
		if (e.Status < 200 || e.Status > 299) && !j.has(provider, detail) { // once, however often it is tried
			j.add(event{at: e.At, kind: provider, who: "twilio", person: owner(e.Phone), detail: detail, text: calledBack(e)})
		}
	}
}

// pageWith is the text on somebody's phone that asks for the code in a reply, "" if there is none.
func (j *journal) pageWith(handle, reply string) string {
	for _, e := range slices.Backward(j.since(0)) {
		m := codeInText.FindStringSubmatch(e.text)
		if e.kind == texted && e.person == handle && m != nil && strings.Contains(reply, m[1]) {
			return e.detail
		}
	}
	return ""
}

func callEnd(status string) string {
	switch status {
	case "completed":
		return "hung up"
	case "no-answer":
		return "nobody picked up"
	case "busy":
		return "turned away"
	case "canceled":
		return "called back, it is not needed any more"
	}
	return status
}

func calledBack(e twiliosim.Event) string {
	what := strings.Replace(e.Text, "Status=", " status ", 1)
	if e.Text == "Body" {
		what = "the text"
	}
	said := "nobody listens"
	if e.Status != 0 {
		said = strconv.Itoa(e.Status)
	}
	return fmt.Sprintf("cannot tell Rouse %s for %s (%s), and tries again", what, owner(e.Phone), said)
}

func (j *journal) fromNtfy(e ntfysim.Event) {
	switch e.Kind {
	case ntfysim.Pushed:
		title, body, _ := strings.Cut(e.Text, "\n")
		j.fromPhone(e.At, pushed, e.Topic, title, "push: "+title+" | "+body)
	case ntfysim.Requested:
		if e.Status >= 300 {
			j.add(event{at: e.At, kind: provider, who: "ntfy", text: fmt.Sprintf("refuses a push: %d", e.Status)})
		}
	}
}
