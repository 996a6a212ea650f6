package enginedb_test

import (
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

// What became of the last hour's messages is counted once for each message, however many pages it told; an address that
// is no more is no failure of its provider's.
func TestCarried(t *testing.T) {
	db := dbtest.New(t)
	for _, sql := range []string{
		`insert into incident (id, key, service, severity, summary, status, opened_at, alerted_at) overriding system value
			values (1, 'HOT-1', '', 1, 'x', 'new', now(), now())`,
		`insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, nonce, lease_until, claimed_at, sent_at, provider, bundle) values
			(1, 1, 1, 0, 'sms', '+491', 'sent', '', now(), 'a', now(), now(), now(), 'twilio', ''),
			(1, 2, 1, 0, 'sms', '+491', 'delivered', '', now(), 'b', now(), now(), now(), 'twilio', 'b'),
			(1, 3, 1, 0, 'sms', '+491', 'delivered', '', now(), 'c', now(), now(), now(), 'twilio', 'b'),
			(1, 4, 1, 0, 'sms', '+491', 'failed', '', now(), 'd', now(), now(), now(), 'twilio', ''),
			(1, 5, 1, 0, 'sms', '+491', 'failed', '', now(), 'e', now(), now(), null, 'twilio', ''),
			(1, 6, 1, 0, 'sms', '+492', 'failed', '', now(), 'f', now(), now(), null, 'twilio', ''),
			(1, 7, 1, 0, 'sms', '+491', 'failed', '', now(), 'g', now(), now() - interval '2 hours', now() - interval '2 hours', 'twilio', ''),
			(1, 8, 1, 0, 'sms', '+491', 'queued', '', now(), 'h', now(), null, null, '', ''),
			(1, 9, 1, 0, 'voice', '+491', 'sent', '', now(), 'i', now(), now(), now(), 'twilio', '')`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	s := enginedb.New(db)
	if err := s.AttemptGone(t.Context(), 1, 6); err != nil {
		t.Fatal(err)
	}
	got, err := s.Carried(t.Context(), time.Hour, 0)
	want := []enginedb.Carried{{Provider: "twilio", Channel: "sms", Sent: 3, Delivered: 1, Failed: 2}, {Provider: "twilio", Channel: "voice", Sent: 1}}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	now := time.Now()
	if n, err := s.Spent(t.Context(), "sms", now.Add(-time.Hour), now.Add(time.Hour)); err != nil || n != 3 { // what nobody took is no text that was sent
		t.Errorf("%d texts were sent in an hour, %v; want 3", n, err)
	}
	if n, err := s.Spent(t.Context(), "sms", now.Add(-3*time.Hour), now.Add(-time.Hour)); err != nil || n != 1 {
		t.Errorf("%d texts were sent in the hours before, %v; want 1", n, err)
	}
}
