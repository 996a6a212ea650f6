package providers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/api/providers"
	"rouse/api/seal"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
	"rouse/notifiers"
)

func viewed(t *testing.T, r *providers.Registry, name string) providers.View {
	t.Helper()
	v, err := r.View(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// isFailing checks that a provider is shown so by a node, with why.
func isFailing(t *testing.T, r *providers.Registry, name, why string) {
	t.Helper()
	v := viewed(t, r, name)
	if v.State != providers.Failing || len(v.Channels) != 1 || v.Channels[0].LastFailure.IsZero() || !strings.Contains(v.Channels[0].Failure, why) {
		t.Errorf("%s is shown as %+v, want it to fail as %q", name, v, why)
	}
	if up, ok := metric(t, r, "rouse_provider_up", name); !ok || up != 0 {
		t.Errorf("rouse_provider_up of %s is %v, %v", name, up, ok)
	}
}

func isWell(t *testing.T, r *providers.Registry, name string) {
	t.Helper()
	if v := viewed(t, r, name); v.State != providers.Well {
		t.Errorf("%s is shown as %+v, want it well", name, v)
	}
	if up, ok := metric(t, r, "rouse_provider_up", name); !ok || up != 1 {
		t.Errorf("rouse_provider_up of %s is %v, %v", name, up, ok)
	}
}

// restarted is a node that starts on what another one left behind.
func restarted(t *testing.T, db *pgxpool.Pool) *providers.Registry {
	t.Helper()
	return node(t, db, seal.New(key(t, 1)))
}

// A provider that failed is shown so after a restart and by other nodes, until one of them gets something through.
func TestThatAProviderFailsOutlivesARestart(t *testing.T) {
	db, to := dbtest.New(t), newSMS(t)
	one := restarted(t, db)
	save(t, one, db, to.gateway("modem"))
	read(t, one)
	to.Close()
	to.asked(t, one, ann) // which is three tries
	isFailing(t, one, "modem", "modem: ")
	read(t, one)
	two := restarted(t, db)
	isFailing(t, two, "modem", "modem: ")
	if before, after := viewed(t, one, "modem").Channels[0].Failure, viewed(t, two, "modem").Channels[0].Failure; before != after {
		t.Errorf("the failure was %q and is %q", before, after)
	}

	t.Log("it is set up anew, where nothing is known of it yet, and works")
	again := newSMS(t)
	save(t, two, db, again.gateway("modem"))
	read(t, two, one)
	isWell(t, two, "modem")
	isWell(t, restarted(t, db), "modem")
	again.asked(t, two, ann)
	read(t, two, one)
	if v := viewed(t, one, "modem"); v.State != providers.Well || v.Channels[0].LastSuccess.IsZero() {
		t.Errorf("the other node shows %+v", v)
	}
}

// refusing takes no message.
type refusing struct{}

func (refusing) Notify(context.Context, notifiers.Message) (notifiers.Receipt, error) {
	return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Final, Elsewhere: true, Detail: "the token is wrong"}
}

// Whoever mends a setting of the environment restarts: what failed before is told, and does not count as failing.
func TestAProviderOfTheEnvironmentBeginsAnewAfterARestart(t *testing.T) {
	db := dbtest.New(t)
	start := func() *providers.Registry {
		return node(t, db, seal.New(key(t, 1)), providers.Given{Name: "twilio", Kind: providers.Twilio, Channels: map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: refusing{}}})
	}
	r := start()
	for range 3 {
		_, _ = r.Channels().On(notifiers.SMS).Notify(t.Context(), notifiers.Message{Channel: notifiers.SMS, To: ann})
	}
	read(t, r)
	read(t, r) // what it wrote itself does not make it forget
	isFailing(t, r, "twilio", "the token is wrong")
	again := start()
	isWell(t, again, "twilio")
	if why := viewed(t, again, "twilio").Channels[0].Failure; !strings.Contains(why, "the token is wrong") {
		t.Errorf("the last failure is %q", why)
	}
}

func TestWhatIsKnownOfADeletedProviderIsNotSaidOfTheNextOfItsName(t *testing.T) {
	db, to := dbtest.New(t), newSMS(t)
	r := restarted(t, db)
	save(t, r, db, to.gateway("modem"))
	read(t, r)
	to.Close()
	to.asked(t, r, ann)
	read(t, r)
	isFailing(t, restarted(t, db), "modem", "modem: ")
	if err := r.Delete(t.Context(), enginedb.New(db), "modem", providers.AnyVersion); err != nil {
		t.Fatal(err)
	}
	save(t, r, db, newSMS(t).gateway("modem"))
	isWell(t, restarted(t, db), "modem")
}

// chatServer is a Slack that refuses with a code, or writes.
type chatServer struct {
	*httptest.Server
	refusal string
}

func newChatServer(t *testing.T) *chatServer {
	t.Helper()
	s := &chatServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"ok": %t, "error": %q, "channel": "C1", "ts": "1.2"}`, s.refusal == "", s.refusal)
	}))
	t.Cleanup(s.Close)
	return s
}

// writes has a post written as the pager does.
func writes(ctx context.Context, r *providers.Registry) error {
	c := r.Chats()[0]
	_, err := c.Poster.Post(ctx, c.Channels[engine.ServiceID("")], notifiers.Post{Key: "HOT-1", Severity: 1, Summary: "x"})
	c.Breaker.Wrote(time.Now(), c.Name, err)
	return err
}

// A chat that takes no posts is shown as failing with why, in the list and in the metric, also after a restart.
func TestAChatThatTakesNoPostsIsShownAsFailing(t *testing.T) {
	db, chat := dbtest.New(t), newChatServer(t)
	r := restarted(t, db)
	settings, _ := json.Marshal(map[string]any{"url": chat.URL, "channels": map[string]string{"": "C1"}})
	save(t, r, db, providers.Wish{Name: "work", Kind: providers.Slack, Settings: settings,
		Secrets: map[string]*string{"token": text("xoxb-1"), "signing_secret": text("8f742231b10e8888abcd99yyyzzz85a5")}})
	read(t, r)
	isWell(t, r, "work")
	chat.refusal = "not_in_channel"
	for range 3 {
		if err := writes(t.Context(), r); err == nil {
			t.Fatal("it was written")
		}
	}
	isFailing(t, r, "work", "Rouse's app is not in the channel")
	if c := viewed(t, r, "work").Channels[0].Channel; c != providers.Chat {
		t.Errorf("its channel is %q", c)
	}
	read(t, r)
	r = restarted(t, db)
	isFailing(t, r, "work", "Rouse's app is not in the channel")
	chat.refusal = ""
	if err := writes(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	isWell(t, r, "work")
	chat.Close()
	for range 3 {
		_ = writes(t.Context(), r)
	}
	isFailing(t, r, "work", "could not connect")
	if channels, err := r.ChannelsOf(t.Context(), "work"); err != nil || len(channels) > 0 || r.Usable()["chat"] {
		t.Errorf("messages can be sent with it on %v, %v", channels, err)
	}
}
