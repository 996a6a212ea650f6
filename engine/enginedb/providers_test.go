package enginedb_test

import (
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

// How fast a provider delivers is told of what arrived within the time asked for, by provider and channel.
func TestDeliveries(t *testing.T) {
	db := dbtest.New(t)
	for _, sql := range []string{
		`insert into incident (id, key, service, severity, summary, status, opened_at, alerted_at) overriding system value
			values (1, 'HOT-1', '', 1, 'x', 'new', now(), now())`,
		`insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, nonce, lease_until, claimed_at, provider, delivered_at)
			select 1, n, 1, 0, 'sms', '+491', 'delivered', '', now(), 'n' || n, now(), now() - interval '1 hour', 'vonage', now() - interval '1 hour' + n * interval '1 second'
			from generate_series(1, 100) n`,
		`insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, nonce, lease_until, claimed_at, provider, delivered_at) values
			(1, 101, 1, 0, 'voice', '+491', 'delivered', '', now(), 'call', now(), now() - interval '10 s', 'twilio', now()),
			(1, 102, 1, 0, 'sms', '+491', 'delivered', '', now(), 'old', now(), now() - interval '26 h', 'twilio', now() - interval '25 h'),
			(1, 103, 1, 0, 'sms', '+491', 'sent', '', now(), 'sent', now(), now(), 'twilio', null)`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	got, err := enginedb.New(db).Deliveries(t.Context(), 24*time.Hour, 0)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if d := got[0]; d.Provider != "twilio" || d.Channel != "voice" || d.Count != 1 || d.P50.Round(time.Second) != 10*time.Second {
		t.Errorf("%+v", d)
	}
	if d := got[1]; d.Provider != "vonage" || d.Channel != "sms" || d.Count != 100 || d.P50.Round(time.Millisecond) != 50500*time.Millisecond || d.P95.Round(time.Millisecond) != 95050*time.Millisecond {
		t.Errorf("%+v", d)
	}
	if got, err := enginedb.New(db).Deliveries(t.Context(), 24*time.Hour, 48*time.Hour); err != nil || len(got) != 0 {
		t.Errorf("two days later: %+v, %v", got, err)
	}
}
