// Package notifiers sends one message on one channel and decides nothing: whom to page, when and
// whether to try again is the engine's. It holds the contract every channel keeps (Notifier,
// Message, Receipt, Failure), the wording of messages and the choice of provider. It imports
// nothing of Rouse and touches no database.
package notifiers

import (
	"context"
	"time"
)

// Channel is a way to reach a person: the same words as in rosters and in the REST API.
type Channel string

// The channels.
const (
	Push    Channel = "push"     // to an app, by ntfy
	WebPush Channel = "web_push" // to a browser
	Email   Channel = "email"
	Webhook Channel = "webhook" // to a program of somebody's own
	SMS     Channel = "sms"
	Voice   Channel = "voice"
)

// Purpose is why a message is sent; the wording follows it.
type Purpose string

// The purposes.
const (
	// Page wakes somebody: a new incident that needs an answer.
	Page Purpose = "page"
	// StillOn asks the holder of an acknowledgement that has run out, or whose incident became
	// more severe, whether they still have it in hand.
	StillOn Purpose = "still_on"
	// Notice tells something that needs no answer and wakes nobody: a swap that is offered, a hole that is
	// coming. It has nothing but Text.
	Notice Purpose = "notice"
)

// Message is one attempt, ready to send, or several that go out together. It always carries key, severity
// and summary, but for a Notice.
type Message struct {
	Nonce    string // unique to the message, URL-safe; callbacks carry it back
	Channel  Channel
	Purpose  Purpose
	To       string   // E.164, an ntfy topic, or a browser's subscription
	Language string   // BCP 47; "" is English
	Wording  *Wording // how operators want it said; nil: built in

	Key      string // "HOT-1234"
	Severity int    // 1 critical, 2 major, 3 minor
	Summary  string
	Service  string // "" when unknown
	Role     string // what the person is paged as: "incident manager", "dba"
	Reason   string // a line of why, from whoever paged this team in; may be empty

	Code string // the digits an SMS reply quotes

	Text string // of a Notice, all of it

	// Tracked is set on a Notice that somebody waits for to arrive: the provider is asked for its receipts.
	Tracked bool

	// Also are the other incidents that this message is about, the worst first: what is answered is
	// answered for all of them. No more than Fits.
	Also []Named

	// AckURL and DeclineURL are answered by POST only, PageURL shows the page and both buttons, and a POST to
	// SeenURL says that the message is shown. They carry a secret: never log them.
	AckURL, DeclineURL, PageURL, SeenURL string

	// Since is set when an earlier worker may have sent this attempt already: a Finder is asked
	// for a message sent after Since before another is made.
	Since time.Time

	// At is when the attempt was taken up, by the database's clock; zero: by this machine's. Only
	// messages made after it can be this attempt's.
	At time.Time

	// Avoid are names of providers that sent the same before, in vain.
	Avoid []string

	// Via is the provider to be tried first, as it has room; "": the preferred one.
	Via string

	// Wanted, if not nil, is asked before each try but the first whether the message is still wanted:
	// somebody may have answered meanwhile.
	Wanted func(context.Context) bool

	// Foreign, if not nil, reports whether what a provider has under an id of its own is known to be
	// another message: a Finder that cannot tell leaves it out.
	Foreign func(ctx context.Context, providerID string) bool
}

// Receipt is what a provider said when it took a message, or says later about it.
type Receipt struct {
	Channel    Channel // "": the provider does not say
	Provider   string  // "twilio", "ntfy"
	ProviderID string  // the provider's id of the message or call
	State      State
	Over       bool      // a call that has ended, in whatever way: the phone is free
	Code       string    // the provider's own code, "30003"; empty if none
	Detail     string    // plain words for the timeline, no phone numbers
	At         time.Time // when the provider says it happened; zero if it does not say

	// Of one that failed: Elsewhere says that another provider may still reach the person, Gone that nothing
	// will ever reach this address again.
	Elsewhere, Gone bool
}

// State is how far a message got.
type State string

// The states, in order. Delivered and Failed are final.
const (
	Sent      State = "sent"      // the provider took it
	Delivered State = "delivered" // it reached the phone; for a call: it was answered, by whatever
	Failed    State = "failed"    // it will not arrive: undelivered, busy, no answer, refused
)

// Notifier sends one message. Notify returns when the provider has taken the message (a Receipt
// with State Sent or Delivered) or with an error that wraps *Failure. It honours ctx, makes at most
// one message and may be called by many goroutines at once.
type Notifier interface {
	Notify(ctx context.Context, m Message) (Receipt, error)
}

// Finder is a Notifier that can look up whether a message was sent already, when the outcome of an
// earlier attempt is unknown (a crash, a time-out). found is false when the provider has none.
type Finder interface {
	Find(ctx context.Context, m Message) (r Receipt, found bool, err error)
}

// Listener is a Notifier that can read back whether a message arrived where it was sent to.
type Listener interface {
	Arrived(ctx context.Context, m Message) (bool, error)
}

// Withdrawer is a Notifier that can call a message back: a ringing call is hung up. Withdrawing
// what is already over is no error.
type Withdrawer interface {
	Withdraw(ctx context.Context, providerID string) error
}

// Failure is why a message was not sent. Find it in an error with errors.AsType[*Failure].
type Failure struct {
	Kind       Kind
	Provider   string
	Code       string        // the provider's own code; empty if none
	Detail     string        // plain words, no phone numbers, no secrets
	RetryAfter time.Duration // what the provider asked for; 0 if it did not
	Err        error         // the cause, may be nil; never one that quotes the request

	// Elsewhere is set on a Final failure that is this provider's, not the address's (region not
	// enabled, sender not allowed): another provider may still reach the person.
	Elsewhere bool
	// Gone is set on a Final failure that says that nothing will ever reach this address again (no such
	// number, opted out, subscription ended).
	Gone bool
	// Doubtful is set on a Passing failure that does not prove that nothing was sent (the provider
	// answered with an error of its own, 5xx): look the message up before another is made.
	Doubtful bool
}

// Kind tells what a Failure means for the next try.
type Kind string

// The kinds.
const (
	// Final: this address or message will never work (no such number, opted out).
	Final Kind = "final"
	// Passing: the provider refused before taking it; another try may work (429, 5xx with an answer).
	Passing Kind = "passing"
	// Unknown: the message may or may not have been taken (time-out, connection lost while waiting).
	Unknown Kind = "unknown"
)
