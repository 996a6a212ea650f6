package webpush_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/webpush"
)

// webPushTesting is where the npm package of that name is: a push service by somebody else.
//
//	npm install --prefix /tmp/npm web-push-testing
//	go test ./notifiers/webpush -run TestAgainst -v -web-push-testing /tmp/npm/node_modules/web-push-testing
var webPushTesting = flag.String("web-push-testing", "", "folder of the npm package web-push-testing, to send pushes to")

// Another implementation checks who signed, decrypts, and gives the payload back as it was.
func TestAgainstAnotherPushService(t *testing.T) {
	if *webPushTesting == "" {
		t.Skip("needs the npm package web-push-testing: npm install --prefix /tmp/npm web-push-testing, then -web-push-testing /tmp/npm/node_modules/web-push-testing")
	}
	base := startWebPushTesting(t)
	der, err := webpush.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := webpush.ParseKey(der)
	if err != nil {
		t.Fatal(err)
	}
	w, err := webpush.New(webpush.Config{Key: key, Subject: "mailto:rouse@example.com", HTTP: notifiers.Guard{AllowPrivate: true}.ForUsers().Client()})
	if err != nil {
		t.Fatal(err)
	}
	var subscription struct {
		Endpoint, ClientHash string
		Keys                 struct{ P256dh, Auth string }
	}
	posts(t, base+"/subscribe", map[string]any{"userVisibleOnly": "true", "applicationServerKey": w.PublicKey()}, &subscription)
	s, err := webpush.NewSubscription(subscription.Endpoint, subscription.Keys.P256dh, subscription.Keys.Auth)
	if err != nil {
		t.Fatal(err)
	}
	summaries := []string{"disk full on db1", "Füllstand 100 % 🚨", "数据库磁盘已满", "قرص ممتلئ", "", strings.Repeat("long 🚨 ", 2000)}
	for i, summary := range summaries {
		m := notifiers.Message{Nonce: fmt.Sprint("n", i), Channel: notifiers.WebPush, Purpose: notifiers.Page, To: s.String(), Key: fmt.Sprint("HOT-", i), Severity: 1, Summary: summary,
			AckURL: "https://rouse.example.com/a/x/ack", DeclineURL: "https://rouse.example.com/a/x/decline", PageURL: "https://rouse.example.com/p/x"}
		if _, err := w.Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var got struct{ Messages []string }
	posts(t, base+"/get-notifications", map[string]any{"clientHash": subscription.ClientHash}, &got)
	if len(got.Messages) != len(summaries) {
		t.Fatalf("%d of %d pushes came", len(got.Messages), len(summaries))
	}
	for i, text := range got.Messages {
		var shown webpush.Shown
		if err := json.Unmarshal([]byte(text), &shown); err != nil || !strings.HasPrefix(shown.Title, fmt.Sprintf("HOT-%d SEV1 ", i)) || shown.Ack == nil {
			t.Errorf("push %d is %.200q (%v)", i, text, err)
		}
	}
	if _, err := http.Post(base+"/expire-subscription/"+subscription.ClientHash, "", nil); err != nil {
		t.Fatal(err)
	}
	_, err = w.Notify(t.Context(), notifiers.Message{Nonce: "n", Channel: notifiers.WebPush, Purpose: notifiers.Page, To: s.String(), Key: "HOT-9", Severity: 1})
	if err == nil || !strings.Contains(err.Error(), "ended its subscription") {
		t.Errorf("a subscription that has ended: %v", err)
	}
	t.Logf("%d pushes decrypted by web-push-testing, and one refused as its subscription had ended", len(got.Messages))
}

func startWebPushTesting(t *testing.T) (base string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	var said bytes.Buffer
	server := exec.Command("node", filepath.Join(*webPushTesting, "src", "bin", "server.js"), port)
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	base = "http://localhost:" + port
	for until := time.Now().Add(20 * time.Second); ; <-time.After(50 * time.Millisecond) {
		res, err := http.Post(base+"/status", "", nil)
		if err == nil {
			_ = res.Body.Close()
			return base
		}
		if time.Now().After(until) {
			t.Fatalf("web-push-testing does not answer: %v", err)
		}
	}
}

// posts makes a request to web-push-testing, and reads the data of its answer.
func posts(t *testing.T, url string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer := struct{ Data any }{out}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", url, res.StatusCode, err)
	}
}
