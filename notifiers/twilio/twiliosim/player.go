package twiliosim

import (
	"context"
	"encoding/xml"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rouse/notifiers/fake"
)

// twiml is a parsed TwiML document.
type twiml struct {
	XMLName xml.Name `xml:"Response"`
	Verbs   []verb   `xml:",any"`
}

type verb struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Verbs   []verb     `xml:",any"`
	Text    string     `xml:",chardata"`
}

func parseTwiML(body []byte) (*twiml, error) {
	doc := &twiml{}
	if err := xml.Unmarshal(body, doc); err != nil {
		return nil, err
	}
	return doc, nil
}

func (v verb) attr(name string) (string, bool) {
	for _, a := range v.Attrs {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

func (v verb) number(name string, otherwise int) int {
	text, _ := v.attr(name)
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func (v verb) text() string { return strings.Join(strings.Fields(v.Text), " ") }

var errHungUp = errors.New("hung up")

// play fetches the call's TwiML and plays it, and whatever it leads to, until the call ends.
func (s *Sim) play(ctx context.Context, c *call) {
	next, form := c.url, url.Values{}
	if c.twiml != "" {
		doc, err := parseTwiML([]byte(c.twiml))
		if err != nil {
			s.record(Event{Kind: Failed, Phone: c.phone, SID: c.sid, Text: "12100: not TwiML"})
			return
		}
		if next, form, err = s.perform(ctx, c, "", doc.Verbs); err != nil {
			return
		}
	}
	for next != "" && ctx.Err() == nil {
		doc, err := s.fetch(c, next, form)
		if err != nil {
			s.say(ctx, c, "We are sorry. An application error has occurred. Goodbye.")
			return
		}
		next, form, err = s.perform(ctx, c, next, doc.Verbs)
		if err != nil {
			return
		}
	}
}

// fetch posts to a URL about the call and reads the TwiML that comes back.
func (s *Sim) fetch(c *call, address string, extra url.Values) (*twiml, error) {
	s.state.Lock()
	form := s.callForm(c)
	s.state.Unlock()
	what := "TwiML"
	for name, values := range extra {
		form[name] = values
		if name == "Digits" {
			what = "Digits=" + values[0]
		}
	}
	body, ok := s.post(address, form, what, c.phone, c.sid, false)
	if !ok {
		s.record(Event{Kind: Failed, Phone: c.phone, SID: c.sid, Text: "11200: no TwiML"})
		return nil, errors.New("no TwiML")
	}
	doc, err := parseTwiML(body)
	if err != nil {
		s.record(Event{Kind: Failed, Phone: c.phone, SID: c.sid, Text: "12100: not TwiML"})
	}
	return doc, err
}

// perform plays the verbs of one document. next is where to go on, with which parameters; "" when
// the document, and with it the call, is over.
func (s *Sim) perform(ctx context.Context, c *call, base string, verbs []verb) (next string, form url.Values, err error) {
	for _, v := range verbs {
		if ctx.Err() != nil {
			return "", nil, errHungUp
		}
		switch v.XMLName.Local {
		case "Say":
			s.say(ctx, c, v.text())
		case "Pause":
			fake.Sleep(ctx, time.Duration(v.number("length", 1))*s.cfg.Second)
		case "Gather":
			digits := s.gather(ctx, c, v)
			if empty, _ := v.attr("actionOnEmptyResult"); digits != "" || empty == "true" && ctx.Err() == nil {
				action, _ := v.attr("action")
				return resolve(base, action), url.Values{"Digits": {digits}, "msg": {"Gather End"}, "FinishedOnKey": {""}}, nil
			}
		case "Redirect":
			return resolve(base, v.text()), nil, nil
		case "Hangup":
			return "", nil, errHungUp
		default:
			s.record(Event{Kind: Failed, Phone: c.phone, SID: c.sid, Text: "12200: unknown verb " + v.XMLName.Local})
		}
	}
	return "", nil, nil
}

func (s *Sim) say(ctx context.Context, c *call, text string) {
	s.sayNow(c, text)
	fake.Sleep(ctx, s.cfg.SayFor)
}

func (s *Sim) sayNow(c *call, text string) {
	s.update(func() {
		c.said = append(c.said, text)
		s.note(Event{Kind: Said, Phone: c.phone, SID: c.sid, Text: text})
	})
}

// gather collects keys: numDigits of them, or until finishOnKey, or until none came for timeout.
// What it says meanwhile can be interrupted by the first key.
func (s *Sim) gather(ctx context.Context, c *call, v verb) string {
	wanted := v.number("numDigits", 1<<30)
	finish, ok := v.attr("finishOnKey")
	if !ok {
		finish = "#"
	}
	pause := time.Duration(v.number("timeout", 5)) * s.cfg.Second
	first := pause
	for _, nested := range v.Verbs {
		switch nested.XMLName.Local {
		case "Say":
			s.sayNow(c, nested.text())
			first += s.cfg.SayFor
		case "Pause":
			first += time.Duration(nested.number("length", 1)) * s.cfg.Second
		}
	}
	s.update(func() { c.listening = true })
	defer s.update(func() { c.listening = false })
	digits := ""
	for wait := first; len(digits) < wanted; wait = pause {
		var key string
		waiting, cancel := context.WithTimeout(ctx, wait)
		came := s.await(waiting, func() bool {
			if c.keys == "" {
				return false
			}
			key, c.keys = c.keys[:1], c.keys[1:]
			return true
		})
		cancel()
		if !came || finish != "" && strings.Contains(finish, key) {
			break
		}
		digits += key
	}
	if ctx.Err() != nil {
		return ""
	}
	if digits != "" {
		s.update(func() {
			c.pressed += digits
			s.note(Event{Kind: Pressed, Phone: c.phone, SID: c.sid, Text: digits})
		})
	}
	return digits
}

// resolve is a URL relative to that of the document it stands in; "" is the document's own.
func resolve(base, reference string) string {
	b, err := url.Parse(base)
	if err != nil || reference == "" {
		return base
	}
	u, err := b.Parse(reference)
	if err != nil {
		return base
	}
	return u.String()
}
