package twilio

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"rouse/notifiers"
)

const (
	ringFor     = 25 * time.Second // voicemail picks up after 20 to 30 in most networks
	callAtMost  = 180              // s
	notRinging  = "21220"
	placedLimit = 10_000
)

var errNoSID = errors.New("it has no SID")

type voice struct{ t *Twilio }

// From is the number that a call to an address comes from.
func (v voice) From(to string) string { return notifiers.Sender(v.t.senders, to) }

// Prefixes are the beginnings of numbers that are called from numbers of their own.
func (v voice) Prefixes() []string { return notifiers.SenderPrefixes(v.t.senders) }

// Notify places one call. What it says is asked for at VoicePath when the call is answered, so that
// it can say that somebody else was quicker. A notice is read out as it is: nobody answers it.
//
// Answering machines are not detected: Twilio's detection keeps a person waiting in silence for
// some seconds, costs extra, and is right 94 times of 100. A machine that answers presses no key,
// and only a key acknowledges.
func (v voice) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	params := &api.CreateCallParams{}
	params.SetTo(m.To)
	params.SetFrom(notifiers.Sender(v.t.senders, m.To))
	if m.Purpose == notifiers.Notice {
		params.SetTwiml(string(Speak(m.Language, m.Text)))
	} else {
		params.SetUrl(v.t.callback(VoicePath, m.Nonce))
		params.SetMethod("POST")
	}
	params.SetStatusCallback(v.t.callback(StatusPath, m.Nonce))
	params.SetStatusCallbackMethod("POST")
	params.SetStatusCallbackEvent([]string{"initiated", "ringing", "answered", "completed"})
	params.SetTimeout(int(cmp.Or(v.t.ringFor, ringFor) / time.Second))
	params.SetTimeLimit(callAtMost)
	twilio, cancel := v.t.account.api(ctx)
	defer cancel()
	made, err := twilio.CreateCall(params)
	if err == nil && made.Sid == nil {
		err = errNoSID
	}
	if err != nil {
		return notifiers.Receipt{}, asFailure(err)
	}
	v.t.placed.remember(*made.Sid, m.Nonce)
	return taken(*made.Sid, made.DateCreated), nil
}

// Find looks for a call to the number, from ours, made since m.Since. Twilio tells nothing of a
// running call that would say which message it is for, so calls that are known to be for others are left
// out, and of several that remain none is taken: rather two calls than none.
func (v voice) Find(ctx context.Context, m notifiers.Message) (notifiers.Receipt, bool, error) {
	params := &api.ListCallParams{}
	params.SetTo(m.To)
	params.SetFrom(notifiers.Sender(v.t.senders, m.To))
	params.SetPageSize(50)
	twilio, cancel := v.t.account.api(ctx)
	defer cancel()
	page, err := twilio.PageCall(params, "", "")
	if err != nil {
		return notifiers.Receipt{}, false, asFailure(err)
	}
	var candidates []notifiers.Receipt
	for _, made := range page.Calls {
		if made.Sid == nil || before(made.DateCreated, m.Since) {
			continue
		}
		switch v.t.placed.nonce(*made.Sid) {
		case m.Nonce:
			return taken(*made.Sid, made.DateCreated), true, nil
		case "":
			if m.Foreign != nil && m.Foreign(ctx, *made.Sid) {
				continue // another node's, or from before this process began
			}
			candidates = append(candidates, taken(*made.Sid, made.DateCreated))
		}
	}
	if len(candidates) != 1 {
		return notifiers.Receipt{}, false, nil
	}
	v.t.placed.remember(candidates[0].ProviderID, m.Nonce)
	return candidates[0], true, nil
}

// Withdraw hangs up. Status "completed" ends a call whether it waits, rings or is being talked on;
// "canceled" would leave an answered one alone
// (https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource).
func (v voice) Withdraw(ctx context.Context, providerID string) error {
	params := &api.UpdateCallParams{}
	params.SetStatus("completed")
	twilio, cancel := v.t.account.api(ctx)
	defer cancel()
	_, err := twilio.UpdateCall(providerID, params)
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*notifiers.Failure](err); ok && f.Code == notRinging {
		return nil // it is over already
	}
	return asFailure(err)
}

// placed remembers which message a call was placed for.
type placed struct {
	mu     sync.Mutex
	nonces map[string]string // by call SID
}

// remember forgets everything now and then rather than to grow for ever.
func (p *placed) remember(sid, nonce string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nonces == nil || len(p.nonces) >= placedLimit {
		p.nonces = map[string]string{}
	}
	p.nonces[sid] = nonce
}

func (p *placed) nonce(sid string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nonces[sid]
}
