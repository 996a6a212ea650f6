// Package pager is the shell around the engine: it brings events to incidents, one transaction each,
// and sends what the engine decided.
//
// Nothing is sent before the commit. River carries the sends, promptly; our own rows are the truth,
// and every node sweeps them, so that neither a dead node nor a stopped queue holds a page up. There is
// one clock, the database's.
//
// An incident's deadline is a column and not a job. River moves scheduled jobs on one leader, every 5 s,
// and for up to 27 s not at all when that leader is killed; the sweeper of every node sleeps until the
// very deadline, and looks four times a second for those that others set. A job beside it would be a
// second timer to arm, to cancel and to be late.
//
// An attempt is held under a lease, which its worker renews until the report is written. Who finds the
// lease over takes the attempt on under the next generation, and the worker before it can write nothing
// more. Every decision about an incident, and every claim of an attempt, is made under the lock of the
// incident's row.
//
// One page is one message, at once, as long as an address gets no more than three of them within ten
// seconds (a phone: one call within half a minute). What comes on top is a storm, and is not handed to the
// queue: the sweeper, which takes over whatever waits, sends all that waits for one person at one address
// as one message that names every incident, every two seconds while first pages wait, else every half a
// minute; a phone that is being called is left until it is free. Such a bundle goes out under the nonce of the attempt that leads it, and every attempt in it
// carries that: who takes it over from a dead worker sends, or looks up, the very same message, and a
// receipt or an answer counts for all of them, each incident in a transaction of its own.
//
// A stop is noticed by the pulse, a row that sweeps bring up to date: who finds it older than
// engine.LongStop marks every incident that waits for something, and its next event is preceded by
// engine.Resumed. What these decide is not handed to the queue either, and the sweepers hold it back until
// the last one is taken up, so that each person is told of all in one message.
package pager

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// Config is what a Pager needs.
type Config struct {
	DB           *pgxpool.Pool
	Intake       *pgxpool.Pool                    // for Receive, so that a flood of alerts keeps no page waiting for a connection; nil is DB
	Channels     *notifiers.Channels              // what can be sent; a contact on another channel is not usable
	Wording      *notifiers.Wording               // how operators want messages to read; nil: built in
	Chats        func() []Chat                    // where incidents are posted; nil: nowhere
	VerifiedOnly bool                             // contacts that were not verified are not used
	Caps         map[rosters.Channel]enginedb.Cap // of what people are told again in a storm, all within the same time; nil: none
	CatchAll     engine.CatchAll
	PublicURL    string // base of the URLs in buttons, "https://rouse.example.com"
	KeyPrefix    string // of incident keys; "" is "HOT"
	// ReceiptWithin is how long a text, or a push to a browser, may stay without a receipt before the next contact is
	// tried; one that is missing has the engine's default. RingFor is how long phones ring; 0 is 25 s.
	ReceiptWithin map[rosters.Channel]time.Duration
	RingFor       time.Duration
	// Canaries are what proves every CanaryEvery (0 is a minute) that providers deliver; nil: nothing does.
	Canaries    func() []Canary
	CanaryEvery time.Duration
	Budgets     []Budget      // what is told of when more is sent; nothing is held back
	CodesOnly   bool          // a text, or a call to Rouse, always needs a code
	Node        string        // this process, unique; "" makes one up
	Log         *slog.Logger  // nil discards
	Offset      time.Duration // added to the database's clock; for tests and rehearsals
	Reached     func(Point)   // if not nil, is called at each point, and may end the process: for rehearsals
}

// Errors that callers tell apart. They are wrapped with what was looked for.
var (
	ErrNotFound  = errors.New("not found")
	ErrResolved  = errors.New("incident is resolved")
	ErrAmbiguous = errors.New("more than one page is open")
	ErrSeen      = errors.New("acted on already")
	ErrNeedsCode = errors.New("a phone number alone does not answer it")
	ErrStranger  = errors.New("nobody is known by that name")
)

// ReceiveOutcome is what became of an alert.
type ReceiveOutcome string

// The outcomes.
const (
	Opened   ReceiveOutcome = "opened"
	Joined   ReceiveOutcome = "joined"
	Answered ReceiveOutcome = "acknowledged"
	Closed   ReceiveOutcome = "resolved"
	Reopened ReceiveOutcome = "reopened" // it came back soon after it was resolved
	Amended  ReceiveOutcome = "amended"  // the incident was told of something else
	Noted    ReceiveOutcome = "noted"    // kept, and nothing else: see Received.Why
	Repeated ReceiveOutcome = "repeated" // told before, by its Once: nothing followed
	Spooled  ReceiveOutcome = "spooled"  // kept on this node's disk until the database answers; the key is not known yet
)

// Received is the answer to an alert.
type Received struct {
	Key      engine.Key // "" when no incident is concerned
	Outcome  ReceiveOutcome
	DedupKey string
	Why      string // with Noted: why nothing followed, or not yet
	Remark   string // what of the alert was not understood, and what was made of it: sentences; "" if all was
}

// From says who answers, and how that is known: exactly one of the ways.
type From struct {
	// A person who is signed in, or holds a key: Key and Person, and Escalation if it is not to be
	// guessed.
	Key        engine.Key
	Person     rosters.PersonID
	Escalation int

	// A text message, or a call to Rouse: the sender's number (E.164), the code it quotes, and what it is
	// about: Keys, All that is open, or the page that was Read in the call (OpenPage.Nonce). Numbers are forged
	// easily, so that without a code only what was sent to the number within enginedb.ToldWithin and is open
	// counts, else ErrNeedsCode. With neither code nor any of these the only page is meant that was texted to
	// the number lately; ErrAmbiguous if there are several.
	Number string
	Code   string
	Keys   []string // "HOT-12"; "12" is the only one with that number
	All    bool
	Read   string
	Call   string // unique to the call, as Caller was told: what began after it is not meant

	// A digit pressed in a call: the nonce of its attempt.
	CallNonce string

	// A button: the secret in its URL.
	Token string

	// Event is unique to the request if a provider may repeat it ("" if not): what was acted on
	// once gives ErrSeen.
	Event string
}

// Reply says what an answer did, for the message that says it back. Of an answer about several pages it
// names the first that it did something to.
type Reply struct {
	Outcome  engine.Outcome
	Key      engine.Key
	Severity engine.Severity
	Summary  string
	Role     string
	Person   rosters.Person     // who answered
	Wording  *notifiers.Wording // for what is said to them
	Holder   string             // name of who holds it, with OutcomeTaken
	Tally    Tally              // of an answer about several pages; zero if it was about one
}

// Tally counts what became of an answer about several pages.
type Tally struct {
	Done   int // did what was meant
	Taken  int // somebody else had it
	Over   int // resolved, or not to be answered any more
	Failed int // could not be stored
	Barred int // only with a code
}

// CallView is what a call that was answered is about.
type CallView struct {
	Message notifiers.Message
	Over    bool   // nothing is left to answer
	Holder  string // name of who holds it, if that is why it is over
}

// Caller is somebody who is known by a phone number, and maybe by that alone.
type Caller struct {
	Person rosters.Person
	Open   []OpenPage // incidents, the worst first
}

// OpenPage is an incident that somebody is to answer a page of.
type OpenPage struct {
	Nonce   string // names the page
	Message notifiers.Message
}

// Check is one line of the audit at /readyz and in doctor.
type Check struct {
	Name string
	OK   bool
	Text string // what was found and, if it is not OK, what to do
}

// Engine is what the outside may do to incidents; *Pager is the only implementation outside tests.
type Engine interface {
	// Receive opens an incident, joins one, or ends one. When it returns without error the alert is
	// stored.
	Receive(ctx context.Context, a engine.Alert) (Received, error)

	// Acknowledge answers a page, whatever the channel, or all that one message told. With ErrSeen the reply
	// says how things stand; with another error its Tally says whether some of several pages are answered.
	Acknowledge(ctx context.Context, from From, via string) (Reply, error)

	// Decline answers a page with no; the ladder moves on.
	Decline(ctx context.Context, from From, via string) (Reply, error)

	// Report takes a provider's news about the message with a nonce.
	Report(ctx context.Context, nonce string, r notifiers.Receipt) error

	// Call says what to read to whoever answered the call with a nonce.
	Call(ctx context.Context, nonce string) (CallView, error)

	// Press carries out a button of a post in a chat. ErrStranger: it is not known who pressed it.
	Press(ctx context.Context, chat string, pressed notifiers.Pressed) (Reply, error)

	// Caller says who has a number, and what they may be asked about. ErrNotFound: nobody, or several people.
	// call is unique to a call that comes from it, "" for a text.
	Caller(ctx context.Context, number, call string) (Caller, error)

	// View says what the page of a link shows. It changes nothing.
	View(ctx context.Context, token string) (PageView, error)

	// Seen takes in that a message is shown on a screen, by its token. It acknowledges nothing.
	Seen(ctx context.Context, token string) error

	// PageIn pages a person or roster into an incident; no is the escalation's number.
	PageIn(ctx context.Context, key engine.Key, in PageIn) (no int, err error)

	// SetSeverity changes the severity; raising it pages at once.
	SetSeverity(ctx context.Context, key engine.Key, to engine.Severity, by, why string) error

	// Describe writes down what is known of an incident, also of one that is resolved. The error holds
	// rosters.FieldErrors if it would not do; ErrNotFound if the incident, or the faulty service, is not there.
	Describe(ctx context.Context, key engine.Key, d engine.Described) error

	// Resolve ends an incident. Resolving it again is no error.
	Resolve(ctx context.Context, key engine.Key, by, why string) error

	// Active tells of work on the incident: it extends acknowledgements.
	Active(ctx context.Context, key engine.Key, by, what string) error

	// Foretell tells who would be paged for an alert that came at an instant, the zero time being now, if
	// nobody answered.
	Foretell(ctx context.Context, a engine.Alert, at time.Time) (Foretold, error)

	// Audit checks that everything that pages is alive.
	Audit(ctx context.Context) []Check
}

// PageIn is whom to page into an incident.
type PageIn struct {
	Target engine.Target
	Role   string        // "" is the target's name
	Wait   time.Duration // before the catch-all roster; 0 is engine.DefaultWait
	By     string
	Why    string
}
