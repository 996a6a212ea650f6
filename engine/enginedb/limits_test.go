package enginedb_test

import (
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
	"rouse/rosters"
)

// What a provider takes in an hour is taken by whoever comes first, up to what is kept for those who are worse.
func TestABucketIsTakenFromUntilItIsEmpty(t *testing.T) {
	s := enginedb.New(dbtest.New(t))
	b := enginedb.Bucket{Provider: "twilio", Sender: "sms +1", Every: time.Hour, Burst: 5}
	take := func(b enginedb.Bucket, keep int) time.Duration {
		t.Helper()
		wait, err := s.Take(t.Context(), b, keep)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	for i := range 3 {
		if wait := take(b, 2); wait != 0 {
			t.Fatalf("message %d of three waits %v", i+1, wait)
		}
	}
	if wait := take(b, 2); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("what leaves two to others waits %v, want an hour", wait)
	}
	if take(b, 1) != 0 || take(b, 0) != 0 {
		t.Errorf("what is worse finds no room in what was left to it")
	}
	if wait := take(b, 0); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("of an empty bucket the worst waits %v, want an hour", wait)
	}
	if wait := take(b, 3); wait < 4*time.Hour-time.Minute || wait > 4*time.Hour {
		t.Errorf("of an empty bucket a notice waits %v, want four hours", wait)
	}
	other := b
	other.Sender = "sms +2"
	if take(other, 0) != 0 {
		t.Errorf("another number has no room")
	}
	if err := s.GiveBack(t.Context(), b); err != nil || take(b, 0) != 0 {
		t.Errorf("what was given back is not there: %v", err)
	}
}

// A limit that was raised holds at once, however much was taken by the old one.
func TestARaisedLimitHoldsAtOnce(t *testing.T) {
	s := enginedb.New(dbtest.New(t))
	small := enginedb.Bucket{Provider: "twilio", Sender: "sms +1", Every: time.Hour, Burst: 100}
	for range 100 {
		if _, err := s.Take(t.Context(), small, 0); err != nil {
			t.Fatal(err)
		}
	}
	large := enginedb.Bucket{Provider: "twilio", Sender: "sms +1", Every: 100 * time.Millisecond, Burst: 10}
	for range 2 {
		if wait, err := s.Take(t.Context(), large, 0); err != nil || wait > time.Second {
			t.Errorf("after the limit was raised a page waits %v, %v", wait, err)
		}
	}
}

// All nodes together take no more than there is.
func TestManyTakeNoMoreThanABucketHolds(t *testing.T) {
	db := dbtest.New(t)
	s := enginedb.New(db)
	b := enginedb.Bucket{Provider: "twilio", Sender: "sms +1", Every: time.Hour, Burst: 10}
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			wait, err := s.Take(t.Context(), b, 0)
			if err != nil {
				t.Error(err)
			}
			if wait == 0 {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if n := taken.Load(); n != 10 {
		t.Errorf("40 took %d out of a bucket of 10", n)
	}
}

// Numbers that have a sender of their own are looked for apart, the longest beginning counting.
func TestPlacesAreSharedBetweenSenders(t *testing.T) {
	got := enginedb.Rooms(rosters.SMS, []string{"+49", "+4917", "+49"}, 10, 0)
	want := []enginedb.Room{
		{Channel: rosters.SMS, Except: []string{"+49", "+4917"}, N: 3},
		{Channel: rosters.SMS, Prefix: "+49", Except: []string{"+4917"}, N: 3},
		{Channel: rosters.SMS, Prefix: "+4917", N: 4},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

// Whether somebody is told too much is asked in a storm, of a table that is long by then: it is read by its indexes.
func TestWhoIsToldTooMuchIsReadFromTheIndexes(t *testing.T) {
	db := dbtest.New(t)
	mustExec(t, db, `insert into incident (key, severity, summary, status, opened_at, alerted_at) select 'HOT-' || n, 1, 'x', 'new', now(), now() from generate_series(1, 20000) n`)
	mustExec(t, db, `insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, claimed_at, nonce, again, lease_until)
		select n, 1, 1, 0, 'sms', '+49170' || n % 5000, 'sent', '', now(), now(), n, n % 2 = 0, now() from generate_series(1, 20000) n`)
	mustExec(t, db, `insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, nonce, again, lease_until)
		select n, 2, 1, 0, 'sms', '+491702', 'queued', '', now(), 'queued ' || n, true, now() - interval '1 second' from generate_series(1, 3) n`)
	mustExec(t, db, `analyze`)
	caps := map[rosters.Channel]enginedb.Cap{rosters.SMS: {N: 3, Within: time.Hour}}
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		before := rowsRead(t, tx)
		crowded, err := enginedb.New(tx).Crowded(t.Context(), 1, []enginedb.Address{{Channel: rosters.SMS, Address: "+491702"}, {Channel: rosters.SMS, Address: "+491703"}}, caps, 0)
		if err != nil {
			return err
		}
		if len(crowded) != 2 {
			t.Errorf("told of others are %v", crowded)
		}
		w, err := enginedb.New(tx).Sweep(t.Context(), enginedb.Search{Sends: []enginedb.Room{{Channel: rosters.SMS, N: 10}}, Caps: caps})
		if err != nil {
			return err
		}
		if len(w.Waiting) != 1 || w.Waiting[0].Capped < 59*time.Minute || w.Waiting[0].Need != 4 {
			t.Errorf("what waits is %+v", w.Waiting)
		}
		if n := rowsRead(t, tx) - before; n > 200 {
			t.Errorf("%d rows were read", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What was withdrawn before anybody sent it, and a drill, are no other trouble: whoever has one incident alone is not spared.
func TestASingleTroubleStaysOne(t *testing.T) {
	db := dbtest.New(t)
	s := enginedb.New(db)
	mustExec(t, db, `insert into incident (id, key, severity, summary, status, opened_at, alerted_at) overriding system value
		select n, 'HOT-' || n, 1, 'x', 'new', now(), now() from generate_series(1, 3) n`)
	mustExec(t, db, `insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, claimed_at, nonce, again, lease_until) values
		(1, 1, 1, 0, 'voice', '+491', 'sent', '', now(), now(), 'a', true, now()), (1, 2, 1, 0, 'voice', '+491', 'sent', '', now(), now(), 'b', true, now()),
		(2, 1, 1, 0, 'voice', '+491', 'withdrawn', '', now() - interval '90 days', null, 'c', true, now()),
		(3, 1, 1, 0, 'voice', '+491', 'sent', '', now(), now(), 'd', false, now())`)
	mustExec(t, db, `insert into person (id, name, zone) values ('ann', 'Ann', 'UTC')`)
	mustExec(t, db, `insert into drill (incident, person, at, until_at) values (3, 'ann', now(), now())`)
	crowded := func() int {
		t.Helper()
		all, err := s.Crowded(t.Context(), 1, []enginedb.Address{{Channel: rosters.Voice, Address: "+491"}}, map[rosters.Channel]enginedb.Cap{rosters.Voice: {N: 1, Within: time.Hour}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if crowded() != 0 {
		t.Errorf("a single incident is taken for a storm")
	}
	mustExec(t, db, `update attempt set state = 'queued' where incident = 2`)
	if crowded() != 1 {
		t.Errorf("what is to be told of another incident is not seen")
	}
}
