package clerk

import (
	"fmt"
	"slices"
	"time"

	"rouse/rosters"
)

// rotation is one whose hand-overs are written down, in Unix time and in order.
type rotation struct {
	plan      rosters.Rotation
	zone      *zone
	handovers []int64
	end       int64 // when the hand-over would come that the rule's end leaves out; 0: it is not near
}

const (
	localTime = "2006-01-02T15:04:05"
	localDate = "2006-01-02"
)

func workOut(plan rosters.Rotation, before time.Time) (*rotation, error) {
	z, err := zoneOf(plan.Zone)
	if err != nil {
		return nil, err
	}
	start, err := time.Parse(localTime, plan.Start)
	if err != nil {
		return nil, err
	}
	if plan.Every > 0 {
		r := &rotation{plan: plan, zone: z}
		for t := z.instant(start.Unix()); t < before.AddDate(0, 0, 3).Unix(); t += int64(plan.Every.Seconds()) {
			r.handovers = append(r.handovers, t)
		}
		return r, nil
	}
	rule, err := readRule(plan.Rule, start)
	if err != nil {
		return nil, err
	}
	times, err := readTimes(plan.Times)
	if err != nil {
		return nil, err
	}
	r := &rotation{plan: plan, zone: z}
	readings := rule.readings(times, before.AddDate(0, 0, 3).Unix())
	instants := make([]int64, len(readings))
	for i, reading := range readings {
		instants[i] = z.instant(reading)
	}
	all := inOrder(instants)
	ruled, err := rule.bounded(all, z)
	if err != nil {
		return nil, err
	}
	if len(ruled) == 0 { // such a rule is none, and a rotation without one is not to be saved
		return r, nil
	}
	out, err := r.leftOut(readings, ruled)
	if err != nil {
		return nil, err
	}
	further, err := r.further()
	if err != nil {
		return nil, err
	}
	r.handovers = inOrder(append(without(ruled, out), further...))
	if n := len(r.handovers); n > 0 {
		for _, t := range without(all, out) {
			if t > r.handovers[n-1] {
				r.end = t
				break
			}
		}
	}
	return r, nil
}

func readTimes(list []string) (times []int64, err error) {
	for _, s := range list {
		seconds, err := clockTime(s)
		if err != nil {
			return nil, err
		}
		times = append(times, seconds)
	}
	return inOrder(times), nil
}

// clockTime reads "06:30", or "06:30:15", in seconds from midnight.
func clockTime(s string) (int64, error) {
	var h, m, sec int64
	if n, err := fmt.Sscanf(s, "%2d:%2d:%2d", &h, &m, &sec); n < 2 {
		return 0, fmt.Errorf("what time is %q? %w", s, err)
	}
	return h*3600 + m*60 + sec, nil
}

// inOrder sorts instants; hand-overs that meet at one are one.
func inOrder(instants []int64) []int64 {
	sorted := slices.Sorted(slices.Values(instants))
	return slices.Compact(sorted)
}

func without(instants []int64, out map[int64]bool) []int64 {
	return slices.DeleteFunc(slices.Clone(instants), func(t int64) bool { return out[t] })
}

// bounded are those that COUNT or UNTIL leave.
func (r *rule) bounded(all []int64, z *zone) ([]int64, error) {
	if r.count > 0 {
		return all[:min(r.count, len(all))], nil
	}
	if r.until == "" {
		return all, nil
	}
	var last int64
	if t, err := time.Parse("20060102T150405Z", r.until); err == nil {
		last = t.Unix()
	} else if t, err := time.Parse("20060102T150405", r.until); err == nil {
		last = z.instant(t.Unix())
	} else if t, err := time.Parse("20060102", r.until); err == nil {
		last = z.instant(t.Add(24*time.Hour - time.Second).Unix())
	} else {
		return nil, fmt.Errorf("until when is %s?", r.until)
	}
	n, _ := slices.BinarySearch(all, last+1)
	return all[:n], nil
}

// leftOut are the hand-overs of the rule that do not take place: at a local time, or all whose reading is of a date.
func (r *rotation) leftOut(readings, ruled []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	for _, s := range r.plan.Without {
		if t, err := time.Parse(localTime, s); err == nil {
			out[r.zone.instant(t.Unix())] = true
			continue
		}
		d, err := time.Parse(localDate, s)
		if err != nil {
			return nil, err
		}
		from, _ := slices.BinarySearch(readings, d.Unix())
		to, _ := slices.BinarySearch(readings, d.AddDate(0, 0, 1).Unix())
		for _, reading := range readings[from:to] {
			out[r.zone.instant(reading)] = true
		}
	}
	for t := range out {
		if _, is := slices.BinarySearch(ruled, t); !is {
			delete(out, t)
		}
	}
	return out, nil
}

func (r *rotation) further() (instants []int64, err error) {
	for _, s := range r.plan.Besides {
		t, err := time.Parse(localTime, s)
		if err != nil {
			return nil, err
		}
		instants = append(instants, r.zone.instant(t.Unix()))
	}
	return instants, nil
}

// stands tells who is on call at an instant: one place, or as many as there are participants if all are on call.
// Nobody stands in a place that is empty.
func (r *rotation) stands(at time.Time) (all []Stand) {
	turn, covers := r.turn(at)
	on := func(person rosters.PersonID) Stand {
		if !covers {
			return Stand{}
		}
		return Stand{Person: person, Rotation: r.plan.ID, Turn: turn}
	}
	people := r.plan.Participants
	if !r.plan.Everyone {
		each := max(1, r.plan.Each)
		shiftsHad := max(0, turn) + r.plan.Ahead
		return []Stand{on(people[shiftsHad/each%len(people)])}
	}
	for _, person := range people {
		all = append(all, on(person))
	}
	return all
}

// turn is that of the last hand-over, and whether its shift, the hours and the bounds cover an instant.
func (r *rotation) turn(at time.Time) (turn int, covers bool) {
	next, _ := slices.BinarySearch(r.handovers, at.Unix()+1)
	if turn = next - 1; turn < 0 {
		return turn, false
	}
	return turn, at.Before(r.shiftEnd(turn)) && r.open(at) && !at.Before(r.plan.From) && (r.plan.Until.IsZero() || at.Before(r.plan.Until))
}

// shiftEnd is when the shift ends that a hand-over begins: at the next, or when its length is over.
func (r *rotation) shiftEnd(turn int) time.Time {
	end := time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	if turn+1 < len(r.handovers) {
		end = time.Unix(r.handovers[turn+1], 0)
	} else if r.end != 0 {
		end = time.Unix(r.end, 0)
	}
	if r.plan.Length == 0 {
		return end
	}
	days, rest := r.plan.Length/(24*time.Hour), r.plan.Length%(24*time.Hour)
	over := r.handovers[turn]
	if days > 0 {
		over = r.zone.instant(r.zone.shown(over) + int64(days)*24*3600)
	}
	if length := time.Unix(over, 0).Add(rest); length.Before(end) {
		return length
	}
	return end
}

// open looks at the clock: is it within a window that began today, or yesterday and goes on past midnight?
func (r *rotation) open(at time.Time) bool {
	if len(r.plan.Hours) == 0 {
		return true
	}
	local := at.In(r.zone.location)
	now := int64(local.Hour()*3600 + local.Minute()*60 + local.Second())
	today, yesterday := local.Weekday(), (local.Weekday()+6)%7
	for _, w := range r.plan.Hours {
		from, err := clockTime(w.From)
		if err != nil {
			panic(err)
		}
		to, err := clockTime(w.To)
		if err != nil {
			panic(err)
		}
		overnight := to <= from
		if slices.Contains(w.Days, today) && now >= from && (now < to || overnight) ||
			slices.Contains(w.Days, yesterday) && overnight && now < to {
			return true
		}
	}
	return false
}
