package notifiers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestMaskNumber(t *testing.T) {
	for number, want := range map[string]string{
		"+4917012345617":   "+49…17",
		"+15555550100":     "+1…00",
		"+79161234567":     "+7…67",
		"+353861234567":    "+353…67",
		"+4930123":         "+49…23",
		"+49":              "…",
		"017012345617":     "…",
		"ann-pager-topic":  "…",
		"":                 "…",
		"+0491701234567":   "…",
		"+491701234567890": "+49…90",
	} {
		if got := MaskNumber(number); got != want {
			t.Errorf("%q is %q, want %q", number, got, want)
		}
	}
}

func TestFailureShowsNoNumber(t *testing.T) {
	cause := errors.New("GET /Messages.json?To=%2B4917012345617&x: the number +4917012345617 or 4917012345617")
	f := &Failure{Kind: Passing, Provider: "twilio", Code: "20429", Detail: "too many requests", RetryAfter: 7 * time.Second, Err: cause}
	text := fmt.Sprintf("%v", fmt.Errorf("sending: %w", f))
	if strings.Contains(text, "70123") || !strings.Contains(text, "+49…17") {
		t.Error(text)
	}
	for _, part := range []string{"twilio: too many requests", "passing", "code 20429", "retry after 7s"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
	if !errors.Is(f, cause) || KindOf(fmt.Errorf("x: %w", f)) != Passing || KindOf(errors.New("x")) != Unknown {
		t.Error("the cause or the kind is lost")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"-7":                            0,
		"soon":                          0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:00:30 GMT": 0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}
