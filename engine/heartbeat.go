package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Heartbeat is something of a service that is to give a sign of life again and again: a nightly backup, a
// worker, the Prometheus of a cluster. What is wrong with it becomes alerts of one incident:
//
//   - It is watched from its first sign on; before that, and while it is disabled, nothing is expected of it.
//   - Without a sign for Every and Grace it is silent. The next sign, of whatever kind, ends that.
//   - A run that failed is trouble at once, and until one succeeds. The beginning of the next run is a sign of
//     life and ends nothing else.
//   - A run that takes longer than MaxRun is trouble until it ends well, or a run that began later does: what
//     was cut off by a power failure never ends.
//   - A sign that says nothing of a run counts as the success of one.
//   - Time in which nobody watched, as while the database is away, counts for nobody, as signs could not arrive:
//     see Resumed.
//
// With ByLabel each value of a label is watched by itself, as one of the heartbeat's sources, with an incident
// of its own.
type Heartbeat struct {
	ID       int64
	Service  ServiceID
	Name     string        // unique in its service, whatever the case of its letters
	About    string        // for people; may be ""
	Every    time.Duration // how often a sign is to come
	Grace    time.Duration // how much later it may come
	Severity Severity      // of all that is wrong with it
	Word     string        // whoever made it calls the severity so; "" if they had no word of their own
	MaxRun   time.Duration // how long a run may take; 0: as long as it likes
	ByLabel  string        // the label whose values are watched each by itself; "": there is one source, ""
	Disabled bool
	Message  string   // what its alerts say first; "": nothing beside what is wrong
	Tags     []string // of its alerts
}

// What may be saved of a heartbeat.
const (
	MinEvery       = 30 * time.Second
	MaxEvery       = 30 * 24 * time.Hour // of Grace and MaxRun as well
	MinRun         = time.Second         // of a MaxRun that is not 0
	maxMessage     = 300                 // characters: an alert's summary holds it with what is wrong
	maxAbout       = 2000                // characters
	maxTags        = 20
	maxTag         = 50  // characters
	maxByLabel     = 100 // characters
	MaxSources     = 100 // of one heartbeat; more are not watched
	MaxSourceName  = 200 // bytes of a label's value; a longer one is cut
	MaxRuns        = 20  // of one source under way; of more it is not noticed how long they take
	MaxRunID       = 64  // bytes
	heartbeatAlert = "heartbeat"
)

// HeartbeatSource is what is known of one source of a heartbeat. It is there since its first sign.
type HeartbeatSource struct {
	Name   string    // the value of the heartbeat's label; "" without one
	LastAt time.Time // of the last sign
	Since  time.Time // silence is counted from here: LastAt, or later after a time in which nobody watched
	Silent bool
	Failed bool                    // no run has succeeded since one failed
	Runs   map[string]HeartbeatRun // under way, by id; "" for a sender that gives none
}

// HeartbeatRun is a run that has begun and not ended.
type HeartbeatRun struct {
	StartedAt time.Time `json:"started_at"`
	Since     time.Time `json:"since"` // MaxRun is counted from here, as HeartbeatSource.Since
	Late      bool      `json:"late,omitempty"`
}

// HeartbeatState is how a heartbeat, or one of its sources, is.
type HeartbeatState string

// The states, the worst last but for the first two, in which nothing is expected.
const (
	HeartbeatDisabled HeartbeatState = "disabled"
	HeartbeatWaiting  HeartbeatState = "waiting" // for its first sign
	HeartbeatAlive    HeartbeatState = "alive"
	HeartbeatLate     HeartbeatState = "late" // a run takes too long
	HeartbeatFailed   HeartbeatState = "failed"
	HeartbeatSilent   HeartbeatState = "silent"
)

// HeartbeatStates lists them in that order.
func HeartbeatStates() []HeartbeatState {
	return []HeartbeatState{HeartbeatDisabled, HeartbeatWaiting, HeartbeatAlive, HeartbeatLate, HeartbeatFailed, HeartbeatSilent}
}

// Sign is a sign of life.
type Sign struct {
	Kind   SignKind
	Run    string // the id of the run that it is about; "" if the sender gives none. At most MaxRunID bytes
	Exit   string // of a run that ended: its exit status, or other words for how; "" if it does not say
	Output string // of a run that ended: the end of what it wrote
}

// SignKind is what a sign says.
type SignKind string

// The kinds.
const (
	SignAlive     SignKind = "alive"   // and nothing of runs
	SignStarted   SignKind = "started" // a run
	SignSucceeded SignKind = "succeeded"
	SignFailed    SignKind = "failed"
)

// Deadline is the next moment at which time alone makes trouble of a source, zero if there is none.
func (h Heartbeat) Deadline(s HeartbeatSource) time.Time {
	var d earliest
	if h.Disabled {
		return time.Time{}
	}
	if !s.Silent {
		d.add(s.Since.Add(h.Every + h.Grace))
	}
	for _, r := range s.Runs {
		if h.MaxRun > 0 && !r.Late {
			d.add(r.Since.Add(h.MaxRun))
		}
	}
	return d.t
}

// State is how a source is.
func (h Heartbeat) State(s HeartbeatSource) HeartbeatState {
	switch {
	case h.Disabled:
		return HeartbeatDisabled
	case s.Silent:
		return HeartbeatSilent
	case s.Failed:
		return HeartbeatFailed
	case s.late():
		return HeartbeatLate
	}
	return HeartbeatAlive
}

// Worst is how a heartbeat with these sources is: as the worst of them.
func (h Heartbeat) Worst(sources []HeartbeatSource) HeartbeatState {
	order := HeartbeatStates()
	worst := HeartbeatWaiting
	if h.Disabled {
		return HeartbeatDisabled
	}
	for _, s := range sources {
		if is := h.State(s); slices.Index(order, is) > slices.Index(order, worst) {
			worst = is
		}
	}
	return worst
}

func (s HeartbeatSource) late() bool {
	for _, r := range s.Runs {
		if r.Late {
			return true
		}
	}
	return false
}

func (s HeartbeatSource) trouble() bool { return s.Silent || s.Failed || s.late() }

// Heard is a source after a sign, with the alerts that follow from it: for the first sign it is the zero
// HeartbeatSource with its name. The source that it was given is not touched. Of a disabled heartbeat signs
// are not to be heard.
func (h Heartbeat) Heard(s HeartbeatSource, sign Sign, now time.Time) (HeartbeatSource, []Alert) {
	was := s
	s.Runs = maps.Clone(s.Runs)
	s.LastAt, s.Since, s.Silent = now, now, false
	switch sign.Kind {
	case SignStarted:
		s.start(sign.Run, now)
	case SignFailed:
		s.Failed = true
		delete(s.Runs, sign.Run)
		return s, []Alert{h.failed(was, sign, now)}
	default:
		s.Failed = false
		s.succeed(sign.Run, now)
	}
	if was.trouble() && !s.trouble() {
		return s, []Alert{h.over(s, "is well again", backAgain(was, sign, now))}
	}
	return s, nil
}

// start notes that a run has begun. One that begins again under the same id was given up, but for one that
// is trouble: that stays, until a run succeeds.
func (s *HeartbeatSource) start(id string, now time.Time) {
	old, again := s.Runs[id]
	if again && old.Late && len(s.Runs) < MaxRuns {
		s.Runs[id+"@"+old.StartedAt.UTC().Format(time.RFC3339Nano)] = old
	}
	if s.Runs == nil {
		s.Runs = map[string]HeartbeatRun{}
	}
	if again || len(s.Runs) < MaxRuns {
		s.Runs[id] = HeartbeatRun{StartedAt: now, Since: now}
	}
}

// succeed ends a run, and with it those that take too long and began before it. One that is not known, or
// that nothing was said of, may have begun at any time.
func (s *HeartbeatSource) succeed(id string, now time.Time) {
	began := now
	if r, ok := s.Runs[id]; ok {
		began = r.StartedAt
	}
	delete(s.Runs, id)
	maps.DeleteFunc(s.Runs, func(_ string, r HeartbeatRun) bool { return r.Late && !r.StartedAt.After(began) })
}

// Tick is a source after time has passed, with the alerts that follow from that. It may come early.
func (h Heartbeat) Tick(s HeartbeatSource, now time.Time) (HeartbeatSource, []Alert) {
	if h.Disabled {
		return s, nil
	}
	var alerts []Alert
	s.Runs = maps.Clone(s.Runs)
	if late := h.lateRuns(s, now); len(late) > 0 {
		alerts = append(alerts, h.tooLong(s, late[0], now))
		for _, id := range late {
			r := s.Runs[id]
			r.Late = true
			s.Runs[id] = r
		}
	}
	if due := s.Since.Add(h.Every + h.Grace); !s.Silent && !now.Before(due) {
		s.Silent = true
		alerts = append(alerts, h.silent(s, due, now))
	}
	return s, alerts
}

// lateRuns are the ids of runs that take too long since now, that which began first before the others.
func (h Heartbeat) lateRuns(s HeartbeatSource, now time.Time) []string {
	var late []string
	for id, r := range s.Runs {
		if h.MaxRun > 0 && !r.Late && !now.Before(r.Since.Add(h.MaxRun)) {
			late = append(late, id)
		}
	}
	slices.SortFunc(late, func(a, b string) int {
		if d := s.Runs[a].StartedAt.Compare(s.Runs[b].StartedAt); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return late
}

// Resumed is a source after a time in which nobody watched, which ended at an instant. Its sign may have been lost
// at the very end of that. Then it gives signs at least as often as it has not been heard now, and the next one
// comes as long after: so it has that long again, Every at the most, and Grace. A nightly backup that was heard
// an hour ago has lost nothing, and no longer than before. A run has MaxRun again.
func (h Heartbeat) Resumed(s HeartbeatSource, at time.Time) HeartbeatSource {
	again := min(at.Sub(s.LastAt), h.Every)
	if since := at.Add(again - h.Every); since.After(s.Since) {
		s.Since = since
	}
	s.Runs = maps.Clone(s.Runs)
	for id, r := range s.Runs {
		if r.Since.Before(at) {
			r.Since = at
			s.Runs[id] = r
		}
	}
	return s
}

// Forgotten are the alerts that follow when a source is not watched any more, which says why.
func (h Heartbeat) Forgotten(s HeartbeatSource, why string) []Alert {
	if !s.trouble() {
		return nil
	}
	return []Alert{h.over(s, "is not watched any more", why)}
}

// SourceOf is the source that labels name.
func (h Heartbeat) SourceOf(labels map[string]string) string {
	if h.ByLabel == "" {
		return ""
	}
	name := strings.ReplaceAll(strings.ToValidUTF8(labels[h.ByLabel], "\uFFFD"), "\x00", "")
	return cutBytes(name, MaxSourceName)
}

// alert is an alert about a source, all but what it says.
func (h Heartbeat) alert(s HeartbeatSource, a Action) Alert {
	labels := map[string]string{"heartbeat": h.Name}
	for _, tag := range h.Tags {
		labels["tag:"+tag] = ""
	}
	key := fmt.Sprintf("heartbeat:%d", h.ID)
	if h.ByLabel != "" {
		labels[h.ByLabel] = s.Name
	}
	if s.Name != "" {
		key += ":" + s.Name
	}
	return Alert{Action: a, Service: h.Service, Severity: h.Severity, Word: h.Word, DedupKey: key, Labels: labels, Source: heartbeatAlert}
}

// trouble is an alert that something is wrong, beginning with the heartbeat's own message.
func (h Heartbeat) trouble(s HeartbeatSource, what string, details ...string) Alert {
	a := h.alert(s, Trigger)
	if a.Summary = "Heartbeat " + h.subject(s) + " " + what; h.Message != "" {
		a.Summary = fmt.Sprintf("%s (heartbeat %s %s)", h.Message, h.subject(s), what)
	}
	details = append([]string{h.About}, details...)
	a.Details = strings.Join(slices.DeleteFunc(details, func(d string) bool { return d == "" }), "\n\n")
	return a
}

func (h Heartbeat) silent(s HeartbeatSource, due, now time.Time) Alert {
	should := "every " + inUnits(h.Every)
	if h.Grace > 0 {
		should += ", or " + inUnits(h.Grace) + " later"
	}
	var running string
	if n := len(s.Runs); n > 0 {
		running = plural(n, "A run has begun and not ended", "%d runs have begun and not ended") + "."
	}
	var stopped string
	if s.Since.After(s.LastAt) {
		stopped = "Rouse could hear nobody for a time since, and so gave it until " + clockIn(due, now) + "."
	}
	a := h.trouble(s, fmt.Sprintf("is silent: last seen %s, %s ago; it should come %s", clockIn(s.LastAt, now), coarsely(now.Sub(s.LastAt)), should), running, stopped)
	a.At = due
	return a
}

func (h Heartbeat) tooLong(s HeartbeatSource, id string, now time.Time) Alert {
	r := s.Runs[id]
	a := h.trouble(s, fmt.Sprintf("runs longer than %s: it began %s, %s ago", inUnits(h.MaxRun), clockIn(r.StartedAt, now), coarsely(now.Sub(r.StartedAt))))
	a.At = r.Since.Add(h.MaxRun)
	return a
}

func (h Heartbeat) failed(was HeartbeatSource, sign Sign, now time.Time) Alert {
	what := "failed"
	if sign.Exit != "" {
		what += ": " + sign.Exit
	}
	var took, output string
	if r, ok := was.Runs[sign.Run]; ok {
		took = fmt.Sprintf("It began %s and took %s.", clockIn(r.StartedAt, now), inUnits(now.Sub(r.StartedAt)))
	}
	if sign.Output != "" {
		output = "The end of what it wrote:\n\n" + sign.Output
	}
	a := h.trouble(was, what, took, output)
	a.At = now
	return a
}

func (h Heartbeat) over(s HeartbeatSource, what, why string) Alert {
	a := h.alert(s, Resolve)
	a.Summary, a.Note = "Heartbeat "+h.subject(s)+" "+what, why
	return a
}

// backAgain says how the trouble that a source was in has ended.
func backAgain(was HeartbeatSource, sign Sign, now time.Time) string {
	switch {
	case was.Silent && was.Failed:
		return "It came back after " + coarsely(now.Sub(was.LastAt)) + ", and its run succeeded."
	case was.Silent:
		return "It came back after " + coarsely(now.Sub(was.LastAt)) + "."
	case was.Failed:
		return "A run of it succeeded."
	}
	if r, ok := was.Runs[sign.Run]; ok && r.Late {
		return "It ended, after " + coarsely(now.Sub(r.StartedAt)) + "."
	}
	return "A later run of it succeeded."
}

// subject is "nightly-backup", or "watchdog of eu-1".
func (h Heartbeat) subject(s HeartbeatSource) string {
	if s.Name == "" {
		return h.Name
	}
	return h.Name + " of " + s.Name
}

// Validate reports all that keeps a heartbeat from being saved, as rosters.FieldErrors. Whether its service
// exists is not for a heartbeat to know.
func (h Heartbeat) Validate() error {
	var f faults
	f.oneLine("/name", h.Name, 1, maxName)
	if strings.Contains(h.Name, "/") {
		f.add("/name", cut(h.Name), "must not have a /: the name stands in addresses")
	}
	f.longText("/description", h.About, maxAbout)
	f.oneLine("/message", h.Message, 0, maxMessage)
	f.oneLine("/by_label", h.ByLabel, 0, maxByLabel)
	f.heartbeatTime("/every", h.Every, MinEvery)
	f.heartbeatTime("/grace", h.Grace, 0)
	if h.MaxRun != 0 {
		f.heartbeatTime("/max_run", h.MaxRun, MinRun)
	}
	if !h.Severity.Valid() {
		f.add("/severity", int(h.Severity), "must be 1, 2 or 3")
	}
	if n := len(h.Tags); n > maxTags {
		f.add("/tags", n, "a heartbeat has at most %d tags", maxTags)
	}
	for i, tag := range h.Tags {
		f.oneLine(fmt.Sprintf("/tags/%d", i), tag, 1, maxTag)
	}
	return f.orNil()
}

// oneLine refuses what does not fit into one line of so many characters.
func (f *faults) heartbeatTime(path string, d, least time.Duration) {
	if d < least || d > MaxEvery {
		f.add(path, d, "must be %v to %v", least, MaxEvery)
	}
}

// clockIn is "10:02 UTC", with the day if that is not today's.
func clockIn(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04 UTC")
	}
	return t.Format("2006-01-02 15:04 UTC")
}

// inUnits is "1 h 30 min", whole seconds.
func inUnits(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		of        time.Duration
		one, many string
	}{{24 * time.Hour, "day", "days"}, {time.Hour, "h", "h"}, {time.Minute, "min", "min"}, {time.Second, "s", "s"}} {
		if n := int(d / unit.of); n > 0 {
			name := unit.many
			if n == 1 {
				name = unit.one
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, name))
			d -= time.Duration(n) * unit.of
		}
	}
	if parts == nil {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

// coarsely is inUnits without what nobody asks for: seconds of minutes, minutes of days.
func coarsely(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		d = d.Truncate(time.Hour)
	case d >= time.Minute:
		d = d.Truncate(time.Minute)
	}
	return inUnits(d)
}

// plural is one for one, and else many, whose %d is the number.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

// cutBytes is the beginning of s, of at most so many bytes and of whole characters.
func cutBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
