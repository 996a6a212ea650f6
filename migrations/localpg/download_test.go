package localpg

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The archive has the shape of the real one: a jar with a .txz in it. Its initdb refuses, as the real one does here.
func TestADownloadedPostgresIsUnpackedAndNeverRunByTheLibrary(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // where the library leaves a log
	root := t.TempDir()
	install(t, root, "pg/bin")
	if err := os.WriteFile(filepath.Join(root, "pg/bin/pg_ctl"), []byte("#!/bin/sh\ntouch "+root+"/was-run\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	txz, err := exec.Command("tar", "-C", filepath.Join(root, "pg"), "-cJf", "-", "bin").Output()
	if err != nil {
		t.Skip("takes tar and xz: ", err)
	}
	var jar bytes.Buffer
	archive := zip.NewWriter(&jar)
	w, err := archive.Create("postgres.txz")
	if err == nil {
		_, err = w.Write(txz)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		if !strings.HasSuffix(r.URL.Path, ".jar") {
			http.NotFound(w, r) // no checksum is published
			return
		}
		_, _ = w.Write(jar.Bytes())
	}))
	defer repository.Close()

	cache := filepath.Join(root, "cache")
	for range 2 { // the second comes second: another process has put the binaries there
		if err := fetch(cache, repository.URL); err != nil {
			t.Fatal(err)
		}
	}
	if !complete(downloaded(cache)) {
		t.Errorf("there is no Postgres in %s", downloaded(cache))
	}
	if _, err := os.Stat(filepath.Join(root, "was-run")); err == nil {
		t.Error("the library has started a server of its own")
	}
	if rest, _ := filepath.Glob(filepath.Join(cache, "download-*")); len(rest) != 0 {
		t.Errorf("left behind: %s", rest)
	}
	if len(asked) == 0 || !strings.Contains(asked[0], "embedded-postgres-binaries") {
		t.Errorf("asked for %s", asked)
	}
}

func TestAFailedDownloadLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	repository := httptest.NewServer(http.NotFoundHandler())
	defer repository.Close()
	cache := filepath.Join(t.TempDir(), "cache")
	if err := fetch(cache, repository.URL); err == nil {
		t.Error("nothing was there to download, and no error")
	}
	if left, _ := os.ReadDir(cache); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
