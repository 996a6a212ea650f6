package pager

// Point is a moment in the pager's work at which a rehearsal may end the process: between any two of
// them something has been written down, sent or learnt that the other side of the crash must live with.
type Point string

// The points, in the order in which an alert passes them.
const (
	AlertRead       Point = "alert-read"       // nothing is stored yet
	AlertDecided    Point = "alert-decided"    // all is written, nothing committed
	AlertCommitted  Point = "alert-committed"  // the sender has no answer yet
	JobFetched      Point = "job-fetched"      // the queue calls the job running, nobody holds the attempt
	LeaseTaken      Point = "lease-taken"      // the attempt is held, the provider not called
	ProviderCalled  Point = "provider-called"  // the provider has answered, nothing is written down
	ReportCommitted Point = "report-committed" // written down; the queue still calls the job running
	TickDue         Point = "tick-due"         // a deadline has passed, nothing is decided
	TickCommitted   Point = "tick-committed"   // the next level is decided, and nothing sent
	TakenOver       Point = "taken-over"       // the sweeper took a send over and has not begun it
	ReceiptRead     Point = "receipt-read"     // a provider's news, of which nothing is stored
	ReceiptStored   Point = "receipt-stored"   // stored; the provider has no answer yet
	AnswerRead      Point = "answer-read"      // a person has answered, nothing is stored
	AnswerCommitted Point = "answer-committed" // stored; the person has no answer yet
)

// NoticeSent is beside a page's way: a provider has ordinary words, and nothing is written down.
const NoticeSent Point = "notice-sent"

// Points lists those on a page's way.
func Points() []Point {
	return []Point{AlertRead, AlertDecided, AlertCommitted, JobFetched, LeaseTaken, ProviderCalled, ReportCommitted, TickDue,
		TickCommitted, TakenOver, ReceiptRead, ReceiptStored, AnswerRead, AnswerCommitted}
}

// reach tells a rehearsal that a point is reached.
func (p *Pager) reach(at Point) {
	if p.cfg.Reached != nil {
		p.cfg.Reached(at)
	}
}
