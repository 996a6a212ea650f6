package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// keyOf is a key that is the same in every run.
func keyOf(t testing.TB, seed byte) Key {
	t.Helper()
	k, err := NewKey(bytes.Repeat([]byte{seed}, Size))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealed(t testing.TB, b *Box, of, secret string) []byte {
	t.Helper()
	s, err := b.Seal(of, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSealedOpensForWhatItBelongsToAndNothingElse(t *testing.T) {
	b := New(keyOf(t, 1))
	for _, secret := range []string{"", "x", "it's a secret to everybody", strings.Repeat("long ", 1000)} {
		s := sealed(t, b, "api_key:1", secret)
		if got, err := b.Open("api_key:1", s); err != nil || string(got) != secret {
			t.Errorf("got %q, %v", got, err)
		}
		for _, of := range []string{"", "api_key:2", "api_key:1 ", "provider:1"} {
			if got, err := b.Open(of, s); !errors.Is(err, ErrDamaged) || got != nil {
				t.Errorf("opened for %q: %q, %v", of, got, err)
			}
		}
		if len(secret) > 1 && bytes.Contains(s, []byte(secret)) {
			t.Errorf("the secret stands in %q", s)
		}
	}
	if bytes.Equal(sealed(t, b, "x", "same"), sealed(t, b, "x", "same")) {
		t.Error("one secret sealed twice looks the same: who has two dumps sees what was not changed")
	}
}

func TestNothingOfWhatIsSealedCanBeChanged(t *testing.T) {
	b := New(keyOf(t, 1), keyOf(t, 2))
	s := sealed(t, b, "api_key:1", "secret")
	for i := range s {
		other := bytes.Clone(s)
		other[i] ^= 1
		if got, err := b.Open("api_key:1", other); err == nil {
			t.Errorf("opened with byte %d changed: %q", i, got)
		}
	}
	for n := range s {
		if got, err := b.Open("api_key:1", s[:n]); err == nil {
			t.Errorf("opened with %d of %d bytes: %q", n, len(s), got)
		}
	}
	if _, err := b.Open("api_key:1", append(bytes.Clone(s), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("with a byte behind its end: %v", err)
	}
	// Its head names the other key: that one does not open it.
	second := keyOf(t, 2).ID()
	copy(s[1:], second[:])
	if _, err := b.Open("api_key:1", s); !errors.Is(err, ErrDamaged) {
		t.Errorf("named as sealed with another key: %v", err)
	}
}

func TestAKeyIsChangedWithoutAStop(t *testing.T) {
	old, fresh := keyOf(t, 1), keyOf(t, 2)
	before := sealed(t, New(old), "row", "secret")

	// The new one is put behind the old one on each node, then before it, then the old one goes.
	behind, front, alone := New(old, fresh), New(fresh, old), New(fresh)
	after := sealed(t, front, "row", "secret")
	for name, b := range map[string]*Box{"behind": behind, "front": front} {
		for _, s := range [][]byte{before, after} {
			if got, err := b.Open("row", s); err != nil || string(got) != "secret" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
	if front.Current(before) || !front.Current(after) || !behind.Current(before) || behind.Current(after) {
		t.Error("it is not told which key sealed what")
	}
	var other *OtherKeyError
	if _, err := alone.Open("row", before); !errors.As(err, &other) || other.ID != old.ID() {
		t.Errorf("without the old key: %v", err)
	}
	if got, err := alone.Open("row", after); err != nil || string(got) != "secret" {
		t.Errorf("sealed anew: %q, %v", got, err)
	}
}

func TestWithoutAKeyNothingIsSealedAndNothingOpens(t *testing.T) {
	s := sealed(t, New(keyOf(t, 1)), "row", "secret")
	for name, b := range map[string]*Box{"nil": nil, "zero": {}, "none": New()} {
		if got, err := b.Seal("row", []byte("secret")); !errors.Is(err, ErrNoKey) || got != nil {
			t.Errorf("%s sealed %q, %v", name, got, err)
		}
		if _, err := b.Open("row", s); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s opened: %v", name, err)
		}
		if _, any := b.First(); any || b.Current(s) {
			t.Errorf("%s has a first key", name)
		}
	}
}

func TestKeysAsPeopleSetThem(t *testing.T) {
	of := func(seed byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{seed}, Size)) }
	url := base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, Size))
	for text, want := range map[string]int{
		of(1):                                 1,
		" " + of(1) + "\n":                    1,
		of(1) + "," + of(2):                   2,
		of(1) + " ,\n" + of(2) + ", " + of(3): 3,
		strings.TrimRight(of(1), "="):         1,
		url:                                   1,
	} {
		keys, err := ParseKeys(text)
		if err != nil || len(keys) != want || want > 1 && keys[0].ID() != keyOf(t, 1).ID() {
			t.Errorf("%q: %d keys, %v", text, len(keys), err)
		}
	}
	for text, says := range map[string]string{
		"":                                    "is not a key (it is empty)",
		of(1) + ",":                           "number 2 is none (it is empty)",
		"," + of(1):                           "number 1 is none (it is empty)",
		"hunter2 hunter2":                     "is not a key (it is not base64)",
		of(1)[:20]:                            "is not a key (it has 15 bytes, and a key has 32)",
		of(1) + "," + of(1)[:43]:              "", // the padding is missing, and nothing else
		of(1) + "," + of(1) + "A":             "number 2 is none (it is not base64)",
		strings.Repeat(of(1)+",", 10) + of(1): "has 11 keys, the limit is 10",
	} {
		_, err := ParseKeys(text)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), of(1)[:10])) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

func TestAKeyIsNotPrinted(t *testing.T) {
	secret := []byte("0123456789abcdefghijklmnopqrstuv")
	k, err := NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	type config struct {
		keys []Key
		box  *Box
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		for _, v := range []any{k, config{[]Key{k}, New(k)}, *New(k)} {
			shown := fmt.Sprintf(format, v)
			if strings.Contains(shown, "0123456789") || strings.Contains(shown, fmt.Sprintf("%x", secret[:8])) || strings.Contains(shown, "48 49 50 51") {
				t.Errorf("%s shows the key: %s", format, shown)
			}
		}
	}
}

// FuzzOpen: whatever the database holds, opening it gives the secret that was sealed, or an error.
func FuzzOpen(f *testing.F) {
	b := New(keyOf(f, 1), keyOf(f, 2))
	f.Add([]byte{}, "row")
	f.Add(sealed(f, b, "row", "secret"), "row")
	f.Add(sealed(f, New(keyOf(f, 2)), "row", ""), "row")
	f.Add(sealed(f, New(keyOf(f, 3)), "row", "secret"), "row")
	f.Fuzz(func(t *testing.T, text []byte, of string) {
		secret, err := b.Open(of, text)
		if err == nil && (of != "row" || string(secret) != "secret" && len(secret) > 0) {
			t.Errorf("opened for %q: %q", of, secret)
		}
		if err != nil && secret != nil {
			t.Errorf("%v, and yet %q", err, secret)
		}
	})
}
