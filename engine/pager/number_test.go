package pager

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
)

var night = time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)

// texted is Ann's open page of an incident that was texted so long before night.
func texted(key engine.Key, ago time.Duration, changes ...func(*enginedb.Candidate)) enginedb.Candidate {
	c := enginedb.Candidate{PageRef: enginedb.PageRef{Key: key, Page: 1, Person: "ann", Message: "text of " + string(key)},
		Nonce: "nonce of " + string(key), Open: true, Texted: night.Add(-ago), Told: night.Add(-ago)}
	_, _ = fmt.Sscanf(string(key[4:]), "%d", &c.Incident)
	for _, change := range changes {
		change(&c)
	}
	return c
}

func pushedOnly(c *enginedb.Candidate) { c.Texted, c.Told, c.Message = time.Time{}, time.Time{}, "" }
func called(c *enginedb.Candidate)     { c.Texted, c.Message = time.Time{}, "" }
func closed(c *enginedb.Candidate)     { c.Open = false }
func bobs(c *enginedb.Candidate)       { c.Person = "bob" }
func again(c *enginedb.Candidate)      { c.Page = 2 } // for another role
func in(message string) func(*enginedb.Candidate) {
	return func(c *enginedb.Candidate) { c.Message = message }
}

// Rule 10: what comes from a phone number without a code answers what was sent there lately, is open, and cannot be
// taken for anything else.
func TestWhatWordsFromAPhoneMean(t *testing.T) {
	bare, all := words{}, words{all: true}
	keys := func(keys ...string) words { return words{keys: keys} }
	read := func(key string) words { return words{read: "nonce of " + key} }
	proven := func(w words, by enginedb.Candidate) words { w.proof = &by.PageRef; return w }
	locked := func(w words) words { w.codesOnly = true; return w }
	min := time.Minute
	for _, tt := range []struct {
		name   string
		said   words
		pages  []enginedb.Candidate
		want   []engine.Key
		barred int
		over   int
		err    error
	}{
		{"a bare word, one text", bare, []enginedb.Candidate{texted("HOT-1", min)}, []engine.Key{"HOT-1"}, 0, 0, nil},
		{"a bare word, and nothing", bare, nil, nil, 0, 0, ErrNotFound},
		{"a bare word, nothing texted", bare, []enginedb.Candidate{texted("HOT-1", min, pushedOnly)}, nil, 0, 0, ErrNotFound},
		{"a bare word, the text 10 minutes old", bare, []enginedb.Candidate{texted("HOT-1", 10*min)}, nil, 0, 0, ErrAmbiguous},
		{"a bare word, two texts", bare, []enginedb.Candidate{texted("HOT-1", 5*min), texted("HOT-2", min)}, nil, 0, 0, ErrAmbiguous},
		{"a bare word, one of two over", bare, []enginedb.Candidate{texted("HOT-1", 5*min, closed), texted("HOT-2", min)}, nil, 0, 0, ErrAmbiguous},
		{"a bare word, another over for long", bare, []enginedb.Candidate{texted("HOT-1", time.Hour, closed), texted("HOT-2", min)}, []engine.Key{"HOT-2"}, 0, 0, nil},
		{"a bare word, another open for long", bare, []enginedb.Candidate{texted("HOT-1", time.Hour), texted("HOT-2", min)}, nil, 0, 0, ErrAmbiguous},
		{"a bare word, one text about two", bare, []enginedb.Candidate{texted("HOT-1", min, in("x")), texted("HOT-2", min, in("x"))}, []engine.Key{"HOT-1", "HOT-2"}, 0, 0, nil},
		{"a bare word, two people's phone", bare, []enginedb.Candidate{texted("HOT-1", min), texted("HOT-1", min, bobs, in("y"))}, nil, 0, 0, ErrAmbiguous},
		{"a bare word where codes are demanded", locked(bare), []enginedb.Candidate{texted("HOT-1", min)}, nil, 0, 0, ErrNeedsCode},

		{"a key", keys("HOT-2"), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", time.Hour)}, []engine.Key{"HOT-2"}, 0, 0, nil},
		{"its spelling", keys("hot-2"), []enginedb.Candidate{texted("HOT-2", min)}, []engine.Key{"HOT-2"}, 0, 0, nil},
		{"two keys", keys("HOT-1", "HOT-2"), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", min), texted("HOT-3", min)}, []engine.Key{"HOT-1", "HOT-2"}, 0, 0, nil},
		{"a number", keys("2"), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", min), texted("HOT-12", min)}, []engine.Key{"HOT-2"}, 0, 0, nil},
		{"a number of two", keys("2"), []enginedb.Candidate{texted("HOT-2", min), texted("OPS-2", min)}, nil, 0, 0, ErrAmbiguous},
		{"a number of one that is open", keys("2"), []enginedb.Candidate{texted("HOT-2", min), texted("OPS-2", min, closed)}, []engine.Key{"HOT-2"}, 0, 0, nil},
		{"a key of nothing", keys("HOT-9"), []enginedb.Candidate{texted("HOT-1", min)}, nil, 0, 0, ErrAmbiguous},
		{"a key of nothing beside one", keys("HOT-1", "HOT-9"), []enginedb.Candidate{texted("HOT-1", min)}, nil, 0, 0, ErrAmbiguous},
		{"a key, nothing open", keys("HOT-9"), nil, nil, 0, 0, ErrNotFound},
		{"a key of one that is over", keys("HOT-1"), []enginedb.Candidate{texted("HOT-1", min, closed), texted("HOT-2", min)}, nil, 0, 1, nil},
		{"a key, one over and one open", keys("HOT-1", "HOT-2"), []enginedb.Candidate{texted("HOT-1", min, closed), texted("HOT-2", min)}, []engine.Key{"HOT-2"}, 0, 1, nil},
		{"a key that was pushed", keys("HOT-1"), []enginedb.Candidate{texted("HOT-1", min, pushedOnly)}, nil, 0, 0, ErrNeedsCode},
		{"a key that was called about", keys("HOT-1"), []enginedb.Candidate{texted("HOT-1", min, called)}, []engine.Key{"HOT-1"}, 0, 0, nil},
		{"a key a day later", keys("HOT-1"), []enginedb.Candidate{texted("HOT-1", 24*time.Hour)}, nil, 0, 0, ErrNeedsCode},
		{"a key, a little earlier", keys("HOT-1"), []enginedb.Candidate{texted("HOT-1", 24*time.Hour-min)}, []engine.Key{"HOT-1"}, 0, 0, nil},
		{"a key where codes are demanded", locked(keys("HOT-1")), []enginedb.Candidate{texted("HOT-1", min)}, nil, 0, 0, ErrNeedsCode},
		{"a key, two people's phone", keys("HOT-1"), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-1", min, again, bobs)}, nil, 0, 0, ErrAmbiguous},
		{"a key, two roles", keys("HOT-1"), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-1", min, again)}, []engine.Key{"HOT-1", "HOT-1"}, 0, 0, nil},

		{"all", all, []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", time.Hour), texted("HOT-3", min, closed), texted("HOT-4", min, called)},
			[]engine.Key{"HOT-1", "HOT-2", "HOT-4"}, 0, 0, nil},
		{"all, one pushed", all, []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", min, pushedOnly)}, []engine.Key{"HOT-1"}, 1, 0, nil},
		{"all, nothing open", all, []enginedb.Candidate{texted("HOT-1", min, closed)}, nil, 0, 0, ErrNotFound},
		{"all, two people's phone", all, []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", min, bobs)}, nil, 0, 0, ErrAmbiguous},
		{"all where codes are demanded", locked(all), []enginedb.Candidate{texted("HOT-1", min)}, nil, 0, 0, ErrNeedsCode},
		{"all, with a code", proven(locked(all), texted("HOT-1", min)), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", min, pushedOnly), texted("HOT-3", min, bobs)},
			[]engine.Key{"HOT-1", "HOT-2"}, 1, 0, nil},
		{"all, with an old code", proven(all, texted("HOT-1", min)), []enginedb.Candidate{texted("HOT-1", min, closed), texted("HOT-2", min)}, nil, 0, 0, ErrNeedsCode},

		{"what was read", read("HOT-2"), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", min)}, []engine.Key{"HOT-2"}, 0, 0, nil},
		{"what was read, and pushed", read("HOT-2"), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", min, pushedOnly)}, nil, 0, 0, ErrNeedsCode},
		{"what was read, with its code", proven(read("HOT-2"), texted("HOT-2", 0)), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", min, pushedOnly)}, []engine.Key{"HOT-2"}, 0, 0, nil},
		{"what was read, with another's code", proven(read("HOT-2"), texted("HOT-1", 0)), []enginedb.Candidate{texted("HOT-1", min), texted("HOT-2", min, pushedOnly)}, nil, 0, 0, ErrNeedsCode},
		{"what was read, and is over", read("HOT-2"), []enginedb.Candidate{texted("HOT-2", min, closed)}, nil, 0, 1, nil},
	} {
		tt.said.at = night
		m, _, err := tt.said.mean(tt.pages)
		var got []engine.Key
		for _, r := range m.pages {
			got = append(got, r.Key)
		}
		if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) || m.barred != tt.barred || len(m.over) != tt.over {
			t.Errorf("%s: answers %v, %d barred, %d over, %v; want %v, %d, %d, %v", tt.name, got, m.barred, len(m.over), err, tt.want, tt.barred, tt.over, tt.err)
		}
	}
}

// Rule 10: 10,000 nights in which pages are texted, pushed, taken by others and answered by codes, keys and bare words
// that come when they come: nothing is answered but what was meant. A bare word comes within ten minutes after the
// text that it is about; keys and codes come whenever they like.
func TestNoInterleavingAnswersAnotherPage(t *testing.T) {
	const nights, pages, texts = 10_000, 6, 8
	answered, asked := 0, 0
	for seed := range uint64(nights) {
		dice := rand.New(rand.NewPCG(seed, 1))
		moment := func() time.Duration { return time.Duration(dice.IntN(40*60)) * time.Second }
		var told []enginedb.Candidate // as they become, each with its time
		var ends []time.Duration
		for i := range pages {
			c := texted(engine.Key(fmt.Sprintf("HOT-%d", i+1)), 0)
			c.Texted = night.Add(moment())
			c.Told = c.Texted
			if dice.IntN(4) == 0 {
				pushedOnly(&c)
			}
			if dice.IntN(5) == 0 {
				c.Person = "bob"
			}
			told, ends = append(told, c), append(ends, moment())
		}
		for range texts {
			at := moment()
			var candidates []enginedb.Candidate
			var seen []int // what was texted to the phone by then
			for i, c := range told {
				if !c.Texted.IsZero() && c.Texted.After(night.Add(at)) {
					continue
				}
				c.Open = ends[i] > at
				candidates = append(candidates, c)
				if !c.Texted.IsZero() {
					seen = append(seen, i)
				}
			}
			if len(seen) == 0 {
				continue
			}
			meant := told[seen[dice.IntN(len(seen))]]
			w := words{at: night.Add(at)}
			switch dice.IntN(3) {
			case 0:
				w.keys = []string{string(meant.Key)}
			case 1:
				w.keys = []string{string(meant.Key[4:])}
			default:
				if w.at.Sub(meant.Texted) >= bareWithin {
					continue
				}
			}
			m, _, err := w.mean(candidates)
			if err != nil {
				asked++
				continue
			}
			for _, r := range m.pages {
				if answered++; r.Key != meant.Key || r.Person != meant.Person {
					t.Fatalf("night %d: %+v was meant for %s and answers %s", seed, w, meant.Key, r.Key)
				}
				if i := slices.IndexFunc(told, func(c enginedb.Candidate) bool { return c.Key == r.Key }); ends[i] <= at {
					t.Fatalf("night %d: %+v answers %s, which is over", seed, w, r.Key)
				}
			}
		}
	}
	if answered < nights/2 || asked < nights/10 {
		t.Errorf("%d answers counted and %d asked back: these nights prove nothing", answered, asked)
	}
	t.Logf("%d nights: %d answers counted, %d asked back, 0 wrong", nights, answered, asked)
}
