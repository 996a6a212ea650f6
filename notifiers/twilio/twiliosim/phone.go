package twiliosim

import (
	"errors"
	"time"
)

// Phone is a phone with a number. Unless told otherwise it gets every text, and rings until
// somebody does something with it.
type Phone struct {
	sim    *Sim
	number string

	// guarded by sim.state
	sms     SMSPlan
	call    CallPlan
	refused int
	inbox   []*inboxSMS
	calls   []*call
}

// SMS is a text in a phone's inbox.
type SMS struct {
	SID  string
	From string
	Body string
	At   time.Time
}

type inboxSMS struct {
	SMS
	expected bool // by ExpectSMS, already
}

// Call is a call as a phone has seen it.
type Call struct {
	SID     string
	From    string
	Status  string   // Twilio's: queued, ringing, in-progress, completed, busy, no-answer, canceled, failed
	Said    []string // everything that was read out
	Pressed string   // every key that was collected
}

// SMSPlan is what becomes of texts. The zero value delivers them at once.
type SMSPlan struct {
	Delay      time.Duration // at the carrier, besides Config.CarrierDelay
	ErrorCode  int           // not 0: undelivered, for this reason (30003 unreachable, 30006 landline, ...)
	Lost       bool          // sent, and never heard of again
	NoReceipt  bool          // delivered, but no status callback is ever sent
	ReplyAfter time.Duration
	Reply      func(sms string) string // what the person texts back; nil, or "", is nothing
}

// CallPlan is what becomes of calls. The zero value lets them ring until somebody does something.
type CallPlan struct {
	Do    Reaction
	After time.Duration // of ringing
	Keys  []string      // that the person presses, each when it is asked for one (Answer)
	Tones string        // in the greeting, before anybody listens (Voicemail)
}

// Reaction is what a phone does when it rings.
type Reaction string

// The reactions. "" is none yet.
const (
	Answer    Reaction = "answer"
	NoAnswer  Reaction = "no-answer" // rings until the caller gives up
	Busy      Reaction = "busy"
	Voicemail Reaction = "voicemail" // answers, records, presses nothing
	HangUp    Reaction = "hang-up"   // answers and hangs up at once
	Fail      Reaction = "failed"    // the network cannot connect it
	canceled  Reaction = "canceled"
)

func (r Reaction) picksUp() bool { return r == Answer || r == Voicemail || r == HangUp }

// status is Twilio's word for what became of a call that was not picked up.
func (r Reaction) status() string { return string(r) }

// Phone is the phone with that number (E.164); it is there as soon as it is asked for.
func (s *Sim) Phone(number string) *Phone {
	s.state.Lock()
	defer s.state.Unlock()
	return s.phone(number)
}

func (s *Sim) phone(number string) *Phone {
	p, ok := s.phones[number]
	if !ok {
		p = &Phone{sim: s, number: number}
		s.phones[number] = p
	}
	return p
}

// Number is the phone's number.
func (p *Phone) Number() string { return p.number }

// OnSMS tells what becomes of texts from now on.
func (p *Phone) OnSMS(plan SMSPlan) { p.sim.update(func() { p.sms = plan }) }

// OnCall tells what becomes of calls from now on.
func (p *Phone) OnCall(plan CallPlan) { p.sim.update(func() { p.call = plan }) }

// WillPress answers calls and presses keys, each when it is asked for one.
func (p *Phone) WillPress(keys ...string) { p.OnCall(CallPlan{Do: Answer, Keys: keys}) }

// WillGoToVoicemail has a machine answer, with these tones in its greeting.
func (p *Phone) WillGoToVoicemail(tones string) { p.OnCall(CallPlan{Do: Voicemail, Tones: tones}) }

// WillReply texts back: the reply may depend on the text.
func (p *Phone) WillReply(reply func(sms string) string) { p.OnSMS(SMSPlan{Reply: reply}) }

// Refuse makes the API refuse texts and calls to the phone with a code (21610 opted out, 21614 not a
// mobile number, ...); 0 no longer.
func (p *Phone) Refuse(code int) { p.sim.update(func() { p.refused = code }) }

// Inbox is the texts that arrived, in order.
func (p *Phone) Inbox() []SMS {
	p.sim.state.Lock()
	defer p.sim.state.Unlock()
	var all []SMS
	for _, sms := range p.inbox {
		all = append(all, sms.SMS)
	}
	return all
}

// Calls is the calls to the phone, in order.
func (p *Phone) Calls() []Call {
	p.sim.state.Lock()
	defer p.sim.state.Unlock()
	var all []Call
	for _, c := range p.calls {
		all = append(all, c.seen())
	}
	return all
}

func (c *call) seen() Call {
	return Call{SID: c.sid, From: c.from, Status: c.status, Said: append([]string(nil), c.said...), Pressed: c.pressed}
}

// Reply sends a text to the number that texted last.
func (p *Phone) Reply(text string) { p.sim.incoming(p, text) }

// Call calls the account's number. The call goes on until one side hangs up; Press presses keys in it.
func (p *Phone) Call() { p.sim.callIn(p) }

// ErrNoCall is returned when there is no call to do something with.
var ErrNoCall = errors.New("the phone is not ringing, and nobody is talking on it")

// react does something about the call that rings.
func (p *Phone) react(r Reaction) error {
	return p.onCall(func(c *call) error {
		if c.reaction != "" && c.reaction != NoAnswer {
			return ErrNoCall
		}
		c.reaction = r
		return nil
	})
}

// onCall does something with the newest call that is not over.
func (p *Phone) onCall(do func(*call) error) (err error) {
	p.sim.update(func() {
		for i := len(p.calls) - 1; i >= 0; i-- {
			if !p.calls[i].over() {
				err = do(p.calls[i])
				return
			}
		}
		err = ErrNoCall
	})
	return err
}

// Answer picks up the call that rings.
func (p *Phone) Answer() error { return p.react(Answer) }

// Voicemail lets a machine pick up the call that rings.
func (p *Phone) Voicemail() error { return p.react(Voicemail) }

// Reject turns the call that rings away.
func (p *Phone) Reject() error { return p.react(Busy) }

// Press presses keys as a person does, each when it is asked for one. A call that rings is picked up
// first.
func (p *Phone) Press(keys string) error {
	return p.onCall(func(c *call) error {
		if c.reaction == "" || c.reaction == NoAnswer {
			c.reaction = Answer
		}
		c.keys += keys
		return nil
	})
}

// Tones sends keys as a machine does: whether anybody listens or not.
func (p *Phone) Tones(keys string) {
	_ = p.onCall(func(c *call) error { // without a call nobody hears them
		p.sim.hear(c, keys)
		return nil
	})
}

// HangUp ends the call, or turns it away while it rings.
func (p *Phone) HangUp() error {
	return p.onCall(func(c *call) error {
		if c.reaction == "" || c.reaction == NoAnswer {
			c.reaction = Busy
			return nil
		}
		c.cancel()
		return nil
	})
}
