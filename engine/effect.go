package engine

import (
	"rouse/rosters"
)

// Effect is what Step wants done: Send, Withdraw or Note.
type Effect interface{ effect() }

// Send asks for an attempt, which is Queued, to be sent after the commit.
type Send struct {
	Attempt int
	Reason  Reason
}

// Withdraw asks for an attempt that is out to be called back: a ringing call is hung up.
type Withdraw struct {
	Attempt int
	Reason  Reason
}

// Note is one line of the timeline: a decision or a fact, its reason and what it was decided from.
type Note struct {
	Reason     Reason
	Escalation int               // 0: the incident as a whole
	Level      int               // index; meaningful with an escalation
	Person     rosters.PersonID  // whom it is about, or ""
	Channel    rosters.Channel   // or ""
	Attempt    int               // or 0
	By         string            // who caused it, or ""
	Text       string            // in plain words
	Basis      map[string]string // what it was decided from
}

func (Send) effect()     {}
func (Withdraw) effect() {}
func (Note) effect()     {}

// Reason says why something was decided. The list is closed (rule 17).
type Reason string

// The reasons.
const (
	ReasonOpened          Reason = "opened"
	ReasonJoined          Reason = "joined"
	ReasonRouted          Reason = "routed"
	ReasonUnknownService  Reason = "unknown service"
	ReasonNoPolicy        Reason = "service without policy"
	ReasonPagedIn         Reason = "paged in"
	ReasonAlreadyPaging   Reason = "already paging"
	ReasonLevelBegins     Reason = "level begins"
	ReasonLevelOver       Reason = "level over"
	ReasonLevelFailed     Reason = "no contact of the level worked"
	ReasonNobodyOnCall    Reason = "nobody on call"
	ReasonNoContact       Reason = "no usable contact"
	ReasonDeclinedBefore  Reason = "declined this round"
	ReasonLevelEmpty      Reason = "level empty"
	ReasonLastResort      Reason = "last resort"
	ReasonNobody          Reason = "nobody could be paged"
	ReasonLadderAgain     Reason = "ladder begins again"
	ReasonOutsideHours    Reason = "outside working hours"
	ReasonHoursOpen       Reason = "working hours open"
	ReasonFirstPage       Reason = "first page"
	ReasonNextContact     Reason = "next contact"
	ReasonCallAgain       Reason = "call again"
	ReasonContactFailed   Reason = "contact failed"
	ReasonContactSilent   Reason = "no receipt in time"
	ReasonNextProvider    Reason = "next provider"
	ReasonSent            Reason = "sent"
	ReasonDelivered       Reason = "delivered"
	ReasonFailed          Reason = "failed"
	ReasonAcknowledged    Reason = "acknowledged"
	ReasonManager         Reason = "incident manager"
	ReasonDeclined        Reason = "declined"
	ReasonStillOn         Reason = "still on it"
	ReasonAckExpired      Reason = "acknowledgement expired"
	ReasonAskUnanswered   Reason = "holder did not answer"
	ReasonHandedBack      Reason = "handed back"
	ReasonSeverityRaised  Reason = "severity raised"
	ReasonSeverityLowered Reason = "severity lowered"
	ReasonActivity        Reason = "activity"
	ReasonDescribed       Reason = "described"
	ReasonAfterStop       Reason = "after a stop"
	ReasonResolved        Reason = "resolved"

	ReasonWord            Reason = "word for the severity"
	ReasonDoubt           Reason = "not understood"
	ReasonRule            Reason = "rule"
	ReasonRuleFailed      Reason = "rule failed"
	ReasonResponders      Reason = "responders named by the source"
	ReasonDelayed         Reason = "delayed"
	ReasonDelayOver       Reason = "delay over"
	ReasonMaintenance     Reason = "maintenance"
	ReasonMaintenanceOver Reason = "maintenance over"
	ReasonReturned        Reason = "came back"
	ReasonFlapping        Reason = "flapping"
	ReasonGrouped         Reason = "grouped"
	ReasonEased           Reason = "part of the group is over"
	ReasonAutoClosed      Reason = "closed by itself"
	ReasonReleased        Reason = "acknowledgement withdrawn"
	ReasonSnoozed         Reason = "snoozed"
	ReasonEscalated       Reason = "escalated"
	ReasonSourceSays      Reason = "the source says"
	ReasonKeptOnDisk      Reason = "kept on disk"

	ReasonDrill         Reason = "drill"
	ReasonDrillPassed   Reason = "drill passed"
	ReasonDrillDeclined Reason = "drill declined"
	ReasonDrillFailed   Reason = "drill failed"
)
