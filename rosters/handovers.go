package rosters

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"
)

// handovers are those of a rotation: a rule's, up to its end, without some and with some besides.
type handovers struct {
	rule    recurrence
	last    time.Time   // of the rule's: COUNT or UNTIL ends it then; zero: it has no end
	ruled   int         // how many the rule has until last
	without []time.Time // of the rule's, those that do not take place, in order
	besides []time.Time // those that are none of the rule's, in order
}

func (r Rotation) handovers(loc *time.Location) (*handovers, error) {
	var errs FieldErrors
	start, err := parseStart(r.Start)
	errs.field("/start", r.Start, err)
	if r.Every != 0 {
		steady, err := newSteady(r, start, loc)
		errs.below("", err)
		return steady, errs.orNil()
	}
	rule, err := parseRule(r.Rule)
	errs.field("/rule", r.Rule, err)
	times, err := r.times(rule)
	errs.below("/times", err)
	if len(errs) > 0 {
		return nil, errs
	}
	h := &handovers{}
	if h.rule, err = newRecurrence(rule, times, start, loc); err != nil {
		errs.field("/rule", r.Rule, err)
		return nil, errs
	}
	if err := h.end(rule, loc); err != nil {
		errs.field("/rule", r.Rule, err)
		return nil, errs
	}
	errs.below("/without", h.leaveOut(r.Without, loc))
	errs.below("/besides", h.bringIn(r.Besides, start, loc))
	if errs == nil && !h.begin() {
		errs.refuse("/without", len(r.Without), "leave no hand-over; nobody would ever be on call")
	}
	return h, errs.orNil()
}

// times reads the times of day, in order and without doubles.
func (r Rotation) times(rule rule) (times []wall, err error) {
	var errs FieldErrors
	p := rule.pattern
	if len(r.Times) > 0 && (rule.hourly || len(p.Byhour)+len(p.Byminute)+len(p.Bysecond) > 0) {
		errs.refuse("", len(r.Times), "do not go with FREQ=HOURLY, BYHOUR, BYMINUTE or BYSECOND in the rule; say the times in one place")
	}
	errs.limit("", len(r.Times), maxTimesADay)
	for i, s := range r.Times {
		t, err := parseClock(s)
		if err != nil || t == secondsADay {
			errs.refuse(fmt.Sprintf("/%d", i), s, `must be a time of day such as "06:30", "00:00" to "23:59"`)
		}
		times = append(times, t)
	}
	slices.Sort(times)
	return slices.Compact(times), errs.orNil()
}

// end works out where COUNT or UNTIL ends the rule.
func (h *handovers) end(r rule, loc *time.Location) error {
	switch {
	case r.count > 0:
		h.ruled = r.count
		last, ok := h.rule.nth(r.count - 1)
		if ok {
			h.last = last
		}
	case r.until != nil:
		until := r.until.instant(loc)
		for n := range h.rule.from(until) {
			if n.at.After(until) {
				return errors.New("never occurs: UNTIL lies before the first hand-over")
			}
			h.last, h.ruled = n.at, n.turn+1
			break
		}
	}
	return nil
}

func (h *handovers) ended(at time.Time) bool { return !h.last.IsZero() && at.After(h.last) }

func (h *handovers) leaveOut(given []string, loc *time.Location) error {
	var errs FieldErrors
	errs.limit("", len(given), maxDates)
	var dates []wall // their midnights
	for i, s := range given {
		if midnight, err := parseStart(s + "T00:00:00"); err == nil {
			dates = append(dates, midnight)
		} else if w, err := parseStart(s); err != nil {
			errs.refuse(fmt.Sprintf("/%d", i), s, `must be a local time such as "2026-12-25T09:00:00", or a date such as "2026-12-25" for all hand-overs of a day`)
		} else if at := resolve(w, loc); h.isRuled(at) {
			h.without = append(h.without, at)
		}
	}
	h.without = inOrder(append(h.without, h.ofDates(dates, loc)...))
	return errs.orNil()
}

// ofDates are the hand-overs that the rule has on some days. Its readings tell, not the instants: one that the clocks
// skip close to midnight takes place on the next day.
func (h *handovers) ofDates(midnights []wall, loc *time.Location) (found []time.Time) {
	if len(midnights) == 0 {
		return nil
	}
	slices.Sort(midnights)
	end := midnights[len(midnights)-1] + secondsADay
	if !h.last.IsZero() {
		end = min(end, wallOf(h.last, loc).plus(2*longestJump))
	}
	next := h.rule.readings(midnights[0])
	for w, ok := next(); ok && w < end; w, ok = next() {
		if _, is := slices.BinarySearch(midnights, w-w.timeOfDay()); !is {
			continue
		}
		if at := resolve(w, loc); !h.ended(at) {
			found = append(found, at)
		}
	}
	return found
}

func (h *handovers) bringIn(given []string, start wall, loc *time.Location) error {
	var errs FieldErrors
	errs.limit("", len(given), maxDates)
	for i, s := range given {
		w, err := parseStart(s)
		if err != nil {
			errs.field(fmt.Sprintf("/%d", i), s, err)
			continue
		}
		if w < start {
			errs.refuse(fmt.Sprintf("/%d", i), s, "must not be before start")
			continue
		}
		at := resolve(w, loc)
		if !h.isRuled(at) {
			h.besides = append(h.besides, at)
		} else if i, found := slices.BinarySearchFunc(h.without, at, time.Time.Compare); found {
			h.without = slices.Delete(h.without, i, i+1)
		}
	}
	h.besides = inOrder(h.besides)
	return errs.orNil()
}

func inOrder(times []time.Time) []time.Time {
	slices.SortFunc(times, time.Time.Compare)
	return slices.CompactFunc(times, time.Time.Equal)
}

// isRuled reports whether the rule hands over at an instant.
func (h *handovers) isRuled(at time.Time) bool {
	for n := range h.rule.from(at) {
		return n.at.Equal(at) && !h.ended(at)
	}
	return false
}

func (h *handovers) begin() bool {
	for range h.from(time.Time{}) {
		return true
	}
	return false
}

// before counts the times that lie before an instant.
func before(times []time.Time, at time.Time) int {
	return sort.Search(len(times), func(i int) bool { return !times[i].Before(at) })
}

// lastAt finds the last hand-over at or before an instant; zero if there is none.
func (h *handovers) lastAt(at time.Time) (last time.Time) {
	if n := before(h.besides, at.Add(1)); n > 0 {
		last = h.besides[n-1]
	}
	if h.ended(at) {
		at = h.last
	}
	for {
		ruled := time.Time{}
		for n := range h.rule.from(at) {
			if !n.at.After(at) {
				ruled = n.at
			}
			break
		}
		if ruled.Before(last) || ruled.IsZero() {
			return last
		}
		if !h.leftOut(ruled) {
			return ruled
		}
		at = ruled.Add(-1)
	}
}

// turn counts the hand-overs before an instant.
func (h *handovers) turn(at time.Time) int {
	ruled := h.ruled
	if !h.ended(at) {
		ruled = 0
		for n := range h.rule.from(at) {
			if ruled = n.turn; n.at.Before(at) {
				ruled++
			}
			break
		}
	}
	return ruled - before(h.without, at) + before(h.besides, at)
}

func (h *handovers) leftOut(at time.Time) bool {
	_, out := slices.BinarySearchFunc(h.without, at, time.Time.Compare)
	return out
}

// next is when the rule hands over, or would if it had no end, after an instant.
func (h *handovers) next(after time.Time) time.Time {
	for n := range h.rule.from(after) {
		if n.at.After(after) && !h.leftOut(n.at) {
			return n.at
		}
	}
	return forever // the library's calendar ends here, two centuries after the start
}

// ruledFrom is from where all hand-overs are the rule's.
func (h *handovers) ruledFrom(at time.Time) iter.Seq[handover] {
	return func(yield func(handover) bool) {
		if h.ended(at) {
			at = h.last
		}
		for n := range h.rule.from(at) {
			if h.ended(n.at) {
				yield(handover{-1, n.at})
				return
			}
			if !yield(n) {
				return
			}
		}
	}
}

// from yields the last hand-over at or before an instant, if there is one, and all that follow. Where they
// end, it yields when the next one would be, with the turn -1: the last shift lasts until then.
func (h *handovers) from(at time.Time) iter.Seq[handover] {
	if len(h.without)+len(h.besides) == 0 {
		return h.ruledFrom(at)
	}
	return func(yield func(handover) bool) {
		if last := h.lastAt(at); !last.IsZero() {
			at = last
		}
		turn, reached := h.turn(at), time.Time{}
		without, besides := h.without[before(h.without, at):], h.besides[before(h.besides, at):]
		add := func(at time.Time) bool {
			reached = at
			turn++
			return yield(handover{turn - 1, at})
		}
		if h.ended(at) && len(besides) == 0 { // nothing comes any more; the rule need not be asked
			return
		}
		for n := range h.rule.from(at) {
			if n.at.Before(at) {
				continue
			}
			for len(besides) > 0 && besides[0].Before(n.at) {
				if !add(besides[0]) {
					return
				}
				besides = besides[1:]
			}
			if h.ended(n.at) {
				for _, b := range besides {
					if !add(b) {
						return
					}
				}
				if !reached.IsZero() {
					yield(handover{-1, h.next(reached)})
				}
				return
			}
			if len(without) > 0 && without[0].Equal(n.at) {
				without = without[1:]
			} else if !add(n.at) {
				return
			}
		}
		for _, b := range besides { // the library's calendar ends here, two centuries after the start
			if !add(b) {
				return
			}
		}
	}
}
