package engine

import (
	"slices"
	"time"

	"rouse/rosters"
)

// Status is where an incident stands in the handbook's process.
type Status string

// The statuses.
const (
	New      Status = "new"      // nobody manages it yet
	Fixing   Status = "fixing"   // somebody acknowledged the manager's escalation
	Resolved Status = "resolved" // over: nothing about it moves any more
)

// RoleManager is what the first escalation of every incident looks for.
const RoleManager = "incident manager"

// Incident is one trouble, from opening to resolution, with everything that was begun to find
// people for it. It is one value: Step alone changes it.
//
// Closed pages whose attempts have all ended are of no use to Step; whoever stores incidents may
// leave them out, as long as the counters stay.
type Incident struct {
	ID        int64
	Key       Key
	Service   ServiceID // "" when unknown
	Origin    ServiceID // the service as the sender named it: with DedupKey, whose trouble it is while it is open
	Severity  Severity
	Summary   string
	Status    Status
	DedupKey  string           // "" if nothing joins by it
	Group     string           // what its alerts have in common, see Grouping.Of; "" if nothing is grouped
	Manager   rosters.PersonID // "" until somebody acknowledges the manager's escalation
	Hours     rosters.Hours    // the service's working hours, as they were at the opening
	AlertN    int              // alerts that reported it, the first included
	PageN     int              // number of the last page begun
	AttemptN  int              // number of the last attempt made
	OpenedAt  time.Time
	AlertedAt time.Time // the last alert; a stop puts it off if AutoClose is set (rule 18)
	AckedAt   time.Time // the first acknowledgement of the manager's escalation
	EndedAt   time.Time // when it was resolved

	AutoClose time.Duration // so long after the last alert it is resolved; 0: never
	Drill     bool          // no trouble: it shows whether one person can be reached, see drill.go
	ReturnN   int           // how often it came back after it was resolved
	Calm      time.Duration // it flaps: how long its source's word that it is over must hold; 0: it does not
	CalmUntil time.Time     // when that word is believed; a stop puts it off; zero: the source says that it goes on

	Particulars Particulars // what people wrote down about it

	Escalations []Escalation
}

// EscalationState is what an escalation is doing.
type EscalationState string

// The states of an escalation; doc.go draws them.
const (
	Waiting      EscalationState = "waiting"      // for working hours, the end of a delay or of a maintenance, until WaitUntil
	Climbing     EscalationState = "climbing"     // paging; the next level begins at LevelUntil
	Acknowledged EscalationState = "acknowledged" // by Holder, until AckUntil if that is not zero
	Asking       EscalationState = "asking"       // the holder whether it is still in hand, until AskUntil
	Stopped      EscalationState = "stopped"      // the incident is resolved
)

// Escalation is one ladder being climbed for one role on one incident.
type Escalation struct {
	No     int    // 1 is the manager's
	Role   string // RoleManager, or what the people were paged in as
	By     string // who asked for it, "" for the manager's
	Why    string // a line of why, from whoever asked
	Urgent bool   // pages whatever the severity: a person asked for it
	Ladder Ladder // frozen (rule 15)
	State  EscalationState

	Level        int       // index into Ladder.Levels; -1 between two rounds
	Round        int       // how often the ladder began, from 1
	RoundAt      time.Time // when this round began
	LevelUntil   time.Time // Climbing: when the level is over
	WaitUntil    time.Time // Waiting: when that is over
	WaitFor      Reason    // Waiting: ReasonOutsideHours ("" as well), ReasonDelayed or ReasonMaintenance
	Holder       rosters.PersonID
	AckUntil     time.Time // Acknowledged: when the holder is asked; zero: never
	AskUntil     time.Time // Asking: when the ladder resumes
	Declined     []rosters.PersonID
	PagedInRound bool // whether this round reached anybody with a contact

	Pages []Page
}

// PageState is what became of a page.
type PageState string

// The states of a page. Only an open one starts further contacts; the code of a closed one still
// names its escalation.
const (
	PageOpen         PageState = "open"
	PageAcknowledged PageState = "acknowledged" // the person took it
	PageDeclined     PageState = "declined"
	PageCovered      PageState = "covered"    // somebody else took it, or the incident was resolved
	PageSuperseded   PageState = "superseded" // the same person was paged anew
)

// Page is one person being told of one incident by one escalation.
type Page struct {
	No        int // unique within the incident
	Person    rosters.PersonID
	Ask       bool // asks the holder instead of looking for one
	Level     int
	Round     int
	State     PageState
	StartedAt time.Time         // what the contacts' After is counted from; a stop puts it off (rule 18)
	Contacts  []rosters.Contact // the person's plan, frozen (rule 15), in order of After
	Next      int               // index of the next contact; len(Contacts) when none is left
	NextAt    time.Time         // when it is due, or one is tried again; zero when none is left
	Again     time.Duration     // so long after its last message one is tried again; 0: never. See callAgain
	Attempts  []Attempt
}

// AttemptState is how far a message got.
type AttemptState string

// The states of an attempt.
const (
	Queued    AttemptState = "queued"    // to be sent
	Sending   AttemptState = "sending"   // a worker holds it
	Sent      AttemptState = "sent"      // the provider took it
	Delivered AttemptState = "delivered" // it reached the phone
	Failed    AttemptState = "failed"    // it will not arrive
	Withdrawn AttemptState = "withdrawn" // no longer wanted before anybody sent it
)

// Attempt is one message on one channel for a page.
type Attempt struct {
	No        int // unique within the incident
	Contact   int // index into the page's contacts
	Channel   rosters.Channel
	Address   string
	State     AttemptState
	Reason    Reason // why it was made
	QueuedAt  time.Time
	SentAt    time.Time
	ReceiptBy time.Time // when silence counts as failure; zero: not waited for
	Unwanted  bool      // answered meanwhile: if it is a call, it is hung up
}

// clone copies everything that Step may change.
func (inc Incident) clone() Incident {
	inc.Escalations = slices.Clone(inc.Escalations)
	for i := range inc.Escalations {
		e := &inc.Escalations[i]
		e.Declined = slices.Clone(e.Declined)
		e.Pages = slices.Clone(e.Pages)
		for j := range e.Pages {
			e.Pages[j].Attempts = slices.Clone(e.Pages[j].Attempts)
		}
	}
	return inc
}

// Escalation finds an escalation by number, nil if there is none.
func (inc *Incident) Escalation(no int) *Escalation {
	for i := range inc.Escalations {
		if inc.Escalations[i].No == no {
			return &inc.Escalations[i]
		}
	}
	return nil
}

// Page finds a page and its escalation by the page's number, nil if there is none.
func (inc *Incident) Page(no int) (*Escalation, *Page) {
	for i := range inc.Escalations {
		e := &inc.Escalations[i]
		for j := range e.Pages {
			if e.Pages[j].No == no {
				return e, &e.Pages[j]
			}
		}
	}
	return nil, nil
}

// Attempt finds an attempt, its page and its escalation by the attempt's number, nil if there is none.
func (inc *Incident) Attempt(no int) (*Escalation, *Page, *Attempt) {
	for i := range inc.Escalations {
		e := &inc.Escalations[i]
		for j := range e.Pages {
			p := &e.Pages[j]
			for k := range p.Attempts {
				if p.Attempts[k].No == no {
					return e, p, &p.Attempts[k]
				}
			}
		}
	}
	return nil, nil, nil
}

// Live reports whether Step may still do something with the page without being told of it by name.
func (p Page) Live() bool {
	return p.State == PageOpen || slices.ContainsFunc(p.Attempts, func(a Attempt) bool {
		return a.State == Queued || a.State == Sending || a.State == Sent && a.Channel == rosters.Voice
	})
}

// settled reports whether somebody holds the escalation, or nobody needs to any more.
func (e *Escalation) settled() bool {
	return e.State == Acknowledged || e.State == Stopped
}

// comesBack reports whether the escalation begins anew when the incident comes back: one that the alerts
// brought about does, whatever became of it; a person who paged a team in does so again, if it is needed again.
func (e *Escalation) comesBack() bool { return !e.Urgent }

// LevelsIfBack are those that the ladders of a resolved incident begin with when it comes back, for whoever has
// to look up their people before.
func (inc *Incident) LevelsIfBack() (levels []Level) {
	for i := range inc.Escalations {
		if e := &inc.Escalations[i]; e.comesBack() {
			levels = append(levels, e.Ladder.Levels[0])
		}
	}
	return levels
}

// Searching finds the escalation that looks for a role on a ladder of that name and is not settled; if
// there is none, it is the number that a new one would get.
func (inc *Incident) Searching(role, ladder string) int {
	for i := range inc.Escalations {
		if e := &inc.Escalations[i]; e.Role == role && e.Ladder.Name == ladder && !e.settled() {
			return e.No
		}
	}
	return len(inc.Escalations) + 1
}
