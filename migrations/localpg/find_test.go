package localpg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindLooksInPGBINThenPATHThenWherePackagesInstallTheNewestFirst(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	own := install(t, root, "opt/own")
	path := install(t, root, "somewhere/bin")
	v9 := install(t, root, "usr/lib/postgresql/9.6/bin")
	v15 := install(t, root, "usr/lib/postgresql/15/bin")
	v17 := install(t, root, "usr/pgsql-17/bin")
	if err := os.Remove(filepath.Join(install(t, root, "usr/lib/postgresql/18/bin"), "initdb")); err != nil { // clients only
		t.Fatal(err)
	}
	env := map[string]string{"PATH": filepath.Join(root, "nothing") + ":" + path}
	getenv := func(name string) string { return env[name] }

	found, err := findAll(getenv, root)
	if got, want := strings.Join(found, " "), strings.Join([]string{path, v17, v15, v9}, " "); err != nil || got != want {
		t.Errorf("found %s, %v\nwant  %s", got, err, want)
	}
	env["PG_BIN"] = own
	if found, err := findAll(getenv, root); err != nil || len(found) != 1 || found[0] != own {
		t.Errorf("with PG_BIN: found %s, %v", found, err)
	}
}

func TestFindFollowsALinkInPATHToWhereTheRestIs(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	real := install(t, root, "cellar/17.5/bin")
	bin := filepath.Join(root, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(real, "postgres"), filepath.Join(bin, "postgres")); err != nil {
		t.Fatal(err)
	}
	found, err := findAll(func(name string) string { return map[string]string{"PATH": bin}[name] }, root)
	if err != nil || len(found) != 1 || found[0] != real {
		t.Errorf("found %s, %v, want %s", found, err, real)
	}
}

func TestAPGBINWithoutBinariesIsAnErrorNotPassedOver(t *testing.T) {
	t.Parallel()
	_, err := Find(func(name string) string { return map[string]string{"PG_BIN": "/nonexistent"}[name] })
	if !errors.Is(err, ErrNoBinaries) || !strings.Contains(err.Error(), "PG_BIN is /nonexistent") {
		t.Errorf("error: %v", err)
	}
	if _, err := Start(t.Context(), Options{Dir: place(t), Bin: "/nonexistent"}); !errors.Is(err, ErrNoBinaries) {
		t.Errorf("Options.Bin: %v", err)
	}
}

func TestWithoutPostgresTheErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"apt-get install postgresql", "brew install postgresql@17", "ROUSE_DATABASE_URL", "PG_BIN"} {
		if !strings.Contains(advice, way) {
			t.Errorf("the advice does not mention %s: %s", way, advice)
		}
	}
}

func TestAnOldFolderIsStartedByTheOldPostgresBesideTheNew(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	new17, old15 := install(t, root, "17"), install(t, root, "15")
	say(t, new17, "postgres (PostgreSQL) 17.5 (Debian 17.5-1)")
	say(t, old15, "postgres (PostgreSQL) 15.18")
	opts := Options{Getenv: func(name string) string { return map[string]string{"PATH": new17 + ":" + old15}[name] }}

	if got, err := binaries(t.Context(), opts, "15"); got != old15 {
		t.Errorf("for data of 15: %q, %v", got, err)
	}
	if got, err := binaries(t.Context(), opts, ""); got != new17 {
		t.Errorf("for a new folder: %q, %v", got, err)
	}
}

// install puts something that looks like a Postgres below root.
func install(t *testing.T, root, dir string) string {
	t.Helper()
	bin := filepath.Join(root, dir)
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func say(t *testing.T, bin, version string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(bin, "postgres"), []byte("#!/bin/sh\necho '"+version+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}
