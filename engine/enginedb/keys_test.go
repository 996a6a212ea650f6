package enginedb_test

import (
	"errors"
	"testing"

	"rouse/engine"
	"rouse/engine/enginedb"
)

// sender makes a service's key of which something is sealed.
func sender(t *testing.T) (enginedb.Store, enginedb.Key) {
	t.Helper()
	s, _ := admin(t)
	if err := s.CreateService(t.Context(), engine.Service{ID: "bitbucket"}); err != nil {
		t.Fatal(err)
	}
	_, k, err := s.CreateKey(t.Context(), enginedb.Key{Name: "jira", Scopes: []enginedb.Scope{"intake"}, Service: "bitbucket",
		Dialect: "jira", Settings: []byte(`{"a": 1}`), Sealed: []byte("sealed")})
	if err != nil {
		t.Fatal(err)
	}
	return s, k
}

func TestAKeyIsReplacedAndKeepsWhatIsSealedUnlessItIsGiven(t *testing.T) {
	s, k := sender(t)
	replace := func(sealed []byte, want string) {
		t.Helper()
		got, err := s.UpdateKey(t.Context(), enginedb.Key{ID: k.ID, Service: "bitbucket", Name: "another", Sealed: sealed})
		if err != nil || got.Name != "another" || got.Dialect != "" || string(got.Settings) != "{}" || string(got.Sealed) != want || string(got.Hash) != string(k.Hash) {
			t.Errorf("got %+v, %v; want %q sealed", got, err, want)
		}
	}
	replace(nil, "sealed")
	replace([]byte("anew"), "anew")
	replace([]byte{}, "")
	replace([]byte("anew"), "anew")
	for _, other := range []enginedb.Key{{ID: k.ID, Name: "x"}, {ID: k.ID + 1, Service: "bitbucket", Name: "x"}} {
		if _, err := s.UpdateKey(t.Context(), other); !errors.Is(err, enginedb.ErrNotFound) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	if err := s.RevokeKey(t.Context(), "bitbucket", k.ID); err != nil {
		t.Fatal(err)
	}
	replace([]byte("anew"), "") // it was revoked
	if found, err := s.SealedKeys(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("left of a key that was revoked: %+v, %v", found, err)
	}
}

func TestWhatIsSealedIsReplacedOnlyWhereItIsStillThere(t *testing.T) {
	s, k := sender(t)
	for _, step := range []struct {
		from, to string
		done     bool
	}{{"sealed", "anew", true}, {"sealed", "lost", false}, {"anew", "again", true}} {
		if done, err := s.ResealKey(t.Context(), k.ID, []byte(step.from), []byte(step.to)); err != nil || done != step.done {
			t.Errorf("%+v: %v, %v", step, done, err)
		}
	}
	if found, err := s.SealedKeys(t.Context()); err != nil || len(found) != 1 || string(found[0].Sealed) != "again" {
		t.Errorf("got %+v, %v", found, err)
	}
}

func TestKeysInForceAreCounted(t *testing.T) {
	s, k := sender(t)
	for _, step := range []struct {
		revoke bool
		want   int
	}{{false, 1}, {true, 0}} {
		if step.revoke {
			if err := s.RevokeKey(t.Context(), "bitbucket", k.ID); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.CountKeys(t.Context(), "bitbucket"); err != nil || n != step.want {
			t.Errorf("got %d, %v; want %d", n, err, step.want)
		}
	}
	if _, err := s.CountKeys(t.Context(), "nothing"); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("of a service that is not there: %v", err)
	}
}
