package prove

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Result is what an experiment found. Times are in seconds.
type Result struct {
	Experiment  string `json:"experiment"`
	Seed        uint64 `json:"seed"`
	Trials      int    `json:"trials,omitempty"` // as asked for
	Full        bool   `json:"full,omitempty"`
	Interrupted bool   `json:"interrupted,omitempty"`
	Skipped     string `json:"skipped,omitempty"` // why it could not be done here
	N           int    `json:"n"`                 // how many were compared
	Unit        string `json:"unit"`              // of what
	Pages       int    `json:"pages"`
	Sent        int    `json:"sent"`      // messages that providers took
	Bundled     int    `json:"bundled"`   // of them, those about several incidents
	HeldBack    int    `json:"held_back"` // attempts that waited for others to the same address: not counted as late
	Answers     int    `json:"answers"`   // acknowledgements that Rouse said it took in
	Refused     int    `json:"refused"`   // alerts that were not taken in as long as their senders tried: no breach
	Lost        int    `json:"lost"`
	Duplicated  int    `json:"duplicated"`
	InFlight    int    `json:"in_flight"` // messages on their way when something broke: what duplicates are excused by
	Late        Spread `json:"late"`      // from when a page was due to the provider's being called
	Rescued     Spread `json:"rescued"`   // from a node's death to when what it was sending was sent again, or found

	SentAfterAck int `json:"sent_after_ack"`
	WrongPerson  int `json:"wrong_person"`
	TooLate      int `json:"too_late"`
	Early        int `json:"early"`   // levels that began before their time
	Strays       int `json:"strays"`  // messages that nobody asked for
	RangOn       int `json:"rang_on"` // calls that were not hung up in time
	Regress      int `json:"regress"` // news of a message that went back

	Raced  int `json:"raced"`   // acknowledgements within a moment of a page or the end of a level
	HungUp int `json:"hung_up"` // calls that rang when somebody else acknowledged

	Overdue Spread `json:"overdue"` // what fell due while the database was away: from its return

	AfterAckMax float64  `json:"after_ack_max"` // how long after an acknowledgement the last message was begun
	Notes       []string `json:"notes,omitempty"`
	Breaches    []Breach `json:"breaches,omitempty"`
	Took        float64  `json:"took"`

	raw raw
}

// Breach is a promise that was not kept.
type Breach struct {
	Expected string   `json:"expected"`
	N        int      `json:"n"`     // how often it was not
	Found    []string `json:"found"` // the first ones
	Keys     []string `json:"keys"`  // incidents, the first fifty
}

// Spread is how many durations are spread, in seconds.
type Spread struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func spreadOf(ds []time.Duration) Spread {
	if len(ds) == 0 {
		return Spread{}
	}
	slices.Sort(ds)
	at := func(q float64) float64 { return seconds(ds[min(len(ds)-1, int(q*float64(len(ds))))]) }
	return Spread{N: len(ds), P50: at(0.5), P99: at(0.99), Max: at(1)}
}

func seconds(d time.Duration) float64 { return math.Round(float64(d)/float64(time.Millisecond)) / 1000 }

// note adds a line below the table.
func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Rows is the table, the heading first; each cell is a text.
func Rows(all []Result) [][]string {
	rows := [][]string{{"EXPERIMENT", "N", "LOST", "DUPLICATED (IN FLIGHT)", "LATE P50 / P99 / MAX", "SENT AFTER ACK", "WRONG PERSON"}}
	for _, r := range all {
		if r.Skipped != "" {
			rows = append(rows, []string{r.Experiment, "-", "-", "-", "-", "-", "-"})
			continue
		}
		rows = append(rows, []string{r.Experiment, fmt.Sprintf("%d %s", r.N, r.Unit), fmt.Sprint(r.Lost), fmt.Sprintf("%d (%d)", r.Duplicated, r.InFlight),
			fmt.Sprintf("%.2f / %.2f / %.2f s", r.Late.P50, r.Late.P99, r.Late.Max), fmt.Sprint(r.SentAfterAck), fmt.Sprint(r.WrongPerson)})
	}
	return rows
}

// Below is what stands below the table: what each experiment has to say besides, what 0 means, and every
// breach with the way to see it again.
func Below(all []Result) (lines []string) {
	for _, r := range all {
		lines = append(lines, r.besides()...)
	}
	lines = append(lines, "0 in N means fewer than 3/N, with 95 % confidence.")
	for _, r := range all {
		for _, b := range r.Breaches {
			lines = append(lines, fmt.Sprintf("BREACH in %s: %s. Not so %s:", r.Experiment, b.Expected, times(b.N)))
			for _, f := range b.Found {
				lines = append(lines, "  "+f)
			}
			if b.N > len(b.Found) {
				lines = append(lines, "  and more: "+strings.Join(b.Keys, " "))
			}
		}
		if len(r.Breaches) > 0 {
			lines = append(lines, "  Again: "+r.again())
		}
	}
	return lines
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// again is the command that does just this experiment again.
func (r Result) again() string {
	command := fmt.Sprintf("rouse prove --experiment %s --seed %d", r.Experiment, r.Seed)
	if r.Full {
		command += " --full"
	}
	if r.Trials > 0 {
		command += fmt.Sprintf(" --trials %d", r.Trials)
	}
	return command + " --keep"
}

func (r Result) besides() (lines []string) {
	say := func(format string, args ...any) {
		lines = append(lines, r.Experiment+": "+fmt.Sprintf(format, args...))
	}
	if r.Skipped != "" {
		say("not done: %s", r.Skipped)
		return lines
	}
	if r.Interrupted {
		say("interrupted: this is what was measured until then")
	}
	if r.Pages > 0 {
		say("%d pages, %d messages (%d about several), %d acknowledgements taken in", r.Pages, r.Sent, r.Bundled, r.Answers)
	}
	for _, n := range r.Notes {
		say("%s", n)
	}
	return lines
}

// Breaches counts the promises that were not kept.
func Breaches(all []Result) (n int) {
	for _, r := range all {
		n += len(r.Breaches)
	}
	return n
}
