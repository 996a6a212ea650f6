package prove

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"rouse/notifiers/fake"
	"rouse/notifiers/ntfy/ntfysim"
	"rouse/notifiers/twilio"
	"rouse/notifiers/twilio/twiliosim"
	"rouse/rosters"
)

// phones are everybody's phones, and what people do with them. A push is answered by its button, a text
// by its code, a call by a key.
type phones struct {
	r    *rig
	push *ntfysim.Sim
	line *twiliosim.Sim
	http *http.Client
	work sync.WaitGroup

	sparePush *ntfysim.Sim // of a rig with spare providers: they reach the same phones
	spareLine *twiliosim.Sim

	calling sync.Mutex // a call takes the plan that its phone has then

	mu       sync.Mutex
	decide   func(person, sent) reaction
	machines map[string]twiliosim.CallPlan // what answers the calls to a number, instead of a person
}

// reaction is what somebody does about one message.
type reaction struct {
	do    deed
	after time.Duration
}

type deed string

const (
	ignores      deed = ""
	acknowledges deed = "ack"
	declines     deed = "decline"
)

// answered is one answer of a person, as the phone saw it.
type answered struct {
	person rosters.PersonID
	do     deed
	sent   sent
	at     time.Time // when they did it
	heard  time.Time // when Rouse said that it took it in; zero: it never did
}

func startPhones(r *rig, second time.Duration) (*phones, error) {
	p := &phones{r: r, http: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	p.decide = p.byHabit
	var err error
	if p.push, err = ntfysim.Start(ntfysim.Config{}); err != nil {
		return nil, err
	}
	account := twiliosim.Config{Second: second, RetryEvery: 200 * time.Millisecond, OnEvent: p.heard, SMSWebhook: "http://" + r.door.address + twilio.SMSPath}
	if p.line, err = twiliosim.Start(account); err != nil {
		return p, err
	}
	if r.layout.spare {
		if p.sparePush, err = ntfysim.Start(ntfysim.Config{}); err != nil {
			return p, err
		}
		account.AccountSID, account.AuthToken = "AC"+strings.Repeat("5", 32), strings.Repeat("f", 32)
		if p.spareLine, err = twiliosim.Start(account); err != nil {
			return p, err
		}
	}
	for _, who := range r.world.people {
		for _, c := range who.Contacts {
			if who.mute && c.Channel == rosters.SMS {
				p.line.Phone(c.Address).OnSMS(twiliosim.SMSPlan{NoReceipt: true})
			}
		}
	}
	return p, nil
}

func (p *phones) close() {
	p.work.Wait() // the rig's context has ended: nobody waits to answer any more
	for _, line := range []*twiliosim.Sim{p.line, p.spareLine} {
		if line != nil {
			line.Close()
		}
	}
	for _, push := range []*ntfysim.Sim{p.push, p.sparePush} {
		if push != nil {
			push.Close()
		}
	}
}

// phone is the phone that a text or a call goes to.
func (p *phones) phone(s sent) *twiliosim.Phone {
	if s.spare {
		return p.spareLine.Phone(s.address)
	}
	return p.line.Phone(s.address)
}

// react has somebody else than habit decide what people do from now on.
func (p *phones) react(decide func(person, sent) reaction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = decide
}

// byHabit is the same for the same person and trouble, however often they are told of it. Nobody declines
// several at once: among them might be one that they have taken.
func (p *phones) byHabit(who person, s sent) reaction {
	does := who.habit.draw(p.r.t.chance("phone", string(who.ID), s.about()))
	if does.do == declines && len(s.names) > 1 {
		does.do = acknowledges
	}
	return does
}

func (h habit) draw(r *rand.Rand) reaction {
	x, after := r.Float64(), between(r, h.least, h.most)
	switch {
	case x < h.ack:
		return reaction{acknowledges, after}
	case x < h.ack+h.decline:
		return reaction{declines, after}
	default:
		return reaction{}
	}
}

func (p *phones) reaction(s sent) (person, reaction) {
	who, known := p.r.world.at(s.to())
	if !known {
		return who, reaction{}
	}
	p.mu.Lock()
	decide := p.decide
	p.mu.Unlock()
	return who, decide(who, s)
}

// reaches lets a message reach its phone. What is done about a call has to be known before it rings.
func (p *phones) reaches(s sent, deliver func()) {
	if s.channel != rosters.Voice {
		deliver()
		return
	}
	p.calling.Lock()
	defer p.calling.Unlock()
	_, does := p.reaction(s)
	plan := twiliosim.CallPlan{}
	if does.do != ignores {
		plan = twiliosim.CallPlan{Do: twiliosim.Answer, After: does.after, Keys: []string{map[deed]string{acknowledges: "1", declines: "2"}[does.do]}}
	}
	p.mu.Lock()
	if machine, ok := p.machines[s.address]; ok {
		plan = machine
	}
	p.mu.Unlock()
	p.phone(s).OnCall(plan)
	deliver()
}

var replyCode = regexp.MustCompile(`Reply (\d{4,8})`)

// got has somebody answer a message that has reached their phone.
func (p *phones) got(s sent) {
	who, does := p.reaction(s)
	if does.do == ignores {
		return
	}
	if s.channel == rosters.Voice { // the call's plan does it, and an event tells
		p.r.ledger.answer(answered{person: who.ID, do: does.do, sent: s})
		return
	}
	p.work.Go(func() {
		if !fake.Sleep(p.r.ctx, does.after) {
			return
		}
		a := answered{person: who.ID, do: does.do, sent: s, at: time.Now()}
		if s.channel == rosters.Push {
			p.press(a)
			return
		}
		code := replyCode.FindStringSubmatch(s.text)
		if code == nil {
			return
		}
		p.r.ledger.answer(a)
		p.phone(s).Reply(code[1] + map[deed]string{declines: " no"}[does.do])
	})
}

// press presses a button until it works, as people do.
func (p *phones) press(a answered) {
	to := a.sent.ack
	if a.do == declines {
		to = a.sent.decline
	}
	no := p.r.ledger.answer(a)
	ctx, cancel := context.WithTimeout(p.r.ctx, time.Minute)
	defer cancel()
	for {
		status := p.post(ctx, to)
		if status/100 == 2 {
			p.r.ledger.confirm(no, time.Now())
			return
		}
		if status == http.StatusNotFound || !fake.Sleep(ctx, 400*time.Millisecond) {
			return
		}
	}
}

// post returns 0 when there was no answer.
func (p *phones) post(ctx context.Context, url string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return 0
	}
	res, err := p.http.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return res.StatusCode
}

// takenIn is how Rouse says that it took an acknowledgement in, of one incident or of several.
var takenIn = regexp.MustCompile(`(^|[:.] )(Acknowledged|\d+ acknowledged)\b[^:]*$`)

// heard takes news from the line: keys, hang-ups, and what Rouse says to an answer.
func (p *phones) heard(e twiliosim.Event) {
	switch e.Kind {
	case twiliosim.Pressed:
		p.r.ledger.pressed(e.SID, e.At)
	case twiliosim.Said:
		if takenIn.MatchString(e.Text) {
			p.r.ledger.confirmCall(e.SID, e.At)
		}
	case twiliosim.Texted:
		if key := keyInText.FindString(e.Text); key != "" && takenIn.MatchString(e.Text) {
			p.r.ledger.confirmText(e.Phone, key, e.At)
		}
	case twiliosim.Ended:
		p.r.ledger.hungUp(e.SID, e.At)
	}
}
