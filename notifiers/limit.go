package notifiers

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is how much a provider takes from one sender: a number, a name, or the account. The zero Limit is none.
//
// It is a bucket of Burst messages that is filled with one more every Every (the generic cell rate algorithm,
// ITU-T I.371).
type Limit struct {
	Every time.Duration
	Burst int
}

// What a Limit may be. The least burst leaves room for what is worse: see Rank.
const (
	minEvery, maxEvery = time.Millisecond, time.Hour
	minBurst, maxBurst = 5, 1000
)

// None reports whether nothing is limited.
func (l Limit) None() bool { return l.Every == 0 }

// PerSecond is how many messages it lets through in the long run.
func (l Limit) PerSecond() float64 {
	if l.None() {
		return 0
	}
	return float64(time.Second) / float64(l.Every)
}

// ParseLimit reads "10/s", "30/min" or "100/h", or one of them with a burst: "1/s burst 10". Without one the bucket
// holds what comes in a second, five at the least. "" is no limit.
func ParseLimit(text string) (Limit, error) {
	if strings.TrimSpace(text) == "" {
		return Limit{}, nil
	}
	rate, burst, hasBurst := strings.Cut(text, "burst")
	number, unit, ok := strings.Cut(strings.TrimSpace(rate), "/")
	units := map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour}
	n, err := strconv.Atoi(strings.TrimSpace(number))
	per := units[strings.TrimSpace(unit)]
	if !ok || err != nil || per == 0 || n < 1 {
		return Limit{}, fmt.Errorf("is no limit: write 10/s, 30/min or 100/h, with a burst if need be: 1/s burst 10")
	}
	l := Limit{Every: per / time.Duration(n), Burst: max(minBurst, int(time.Second*time.Duration(n)/per))}
	if hasBurst {
		if l.Burst, err = strconv.Atoi(strings.TrimSpace(burst)); err != nil || l.Burst < minBurst || l.Burst > maxBurst {
			return Limit{}, fmt.Errorf("has no such burst: from %d to %d messages", minBurst, maxBurst)
		}
	}
	if l.Every < minEvery || l.Every > maxEvery {
		return Limit{}, fmt.Errorf("is too much or too little: from 1/h to 1000/s")
	}
	return l, nil
}

// UnmarshalText is ParseLimit.
func (l *Limit) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLimit(string(text))
	return err
}

// MarshalText is what ParseLimit reads.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l Limit) String() string {
	if l.None() {
		return ""
	}
	for _, u := range []struct {
		name string
		per  time.Duration
	}{{"s", time.Second}, {"min", time.Minute}, {"h", time.Hour}} {
		if n := u.per / l.Every; n >= 1 && u.per/n == l.Every {
			return fmt.Sprintf("%d/%s burst %d", n, u.name, l.Burst)
		}
	}
	return fmt.Sprintf("1 every %s burst %d", l.Every, l.Burst)
}

// Rank is how much of a bucket a message leaves to those that need it more. As long as those wait, which take the last of
// it as soon as it comes, the others get nothing; without them they get all.
type Rank int

// What comes first: people's first pages, by severity, which nothing but the limit holds back (rule 12); then what they are
// told again; then notices and drills.
const (
	RankAgain Rank = 3
	RankLast  Rank = 4
)

// RankOf is that of a page of a severity.
func RankOf(severity int, again, drill bool) Rank {
	switch {
	case drill:
		return RankLast
	case again:
		return RankAgain
	default:
		return Rank(max(0, min(severity, 3)-1))
	}
}

// Lane is a way that a message can take: a provider, and the sender that it would come from there.
type Lane struct {
	Provider, Sender string
	Limit            Limit
}

// From is of a Notifier that sends from several numbers or names, each with a limit of its own: which one a message
// to an address comes from.
type From interface {
	From(to string) string
}

// Lanes are the ways to an address in the order in which they are tried.
func (c *Chain) Lanes(to string, avoid []string) []Lane {
	var lanes []Lane
	for _, l := range c.inOrder(Message{To: to, Avoid: avoid}) {
		lane := Lane{Provider: l.Name, Limit: l.Limit}
		if from, ok := l.Notifier.(From); ok {
			lane.Sender = from.From(to)
		}
		lanes = append(lanes, lane)
	}
	return lanes
}

// Limited reports whether any provider of it is.
func (c *Chain) Limited() bool {
	for _, l := range c.links {
		if !l.Limit.None() {
			return true
		}
	}
	return false
}

// Prefixes are the beginnings of numbers that are sent to in ways of their own, so that one which is busy holds up no
// other.
func (c *Chain) Prefixes() []string {
	var all []string
	for _, l := range c.links {
		all = append(all, l.For...)
		if from, ok := l.Notifier.(interface{ Prefixes() []string }); ok {
			all = append(all, from.Prefixes()...)
		}
	}
	return all
}
