package prove

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"rouse/migrations/localpg"
)

// smallDisk is a file system of its own for the cluster of a rig that is yet to be made, so that it can be
// full without anybody else's being so.
type smallDisk struct {
	at      string // where it is mounted
	ballast string // a file that fills it
}

const smallDiskSize = "160m"

// smallDisk makes the cluster and puts it there. Without the right to mount it skips the experiment.
func (t *trial) smallDisk(ctx context.Context) (d *smallDisk, err error) {
	dir := filepath.Join(t.dir, "pg")
	server, err := localpg.Start(ctx, localpg.Options{Dir: dir, Getenv: t.o.Getenv})
	if err != nil {
		return nil, err
	}
	server.Stop()
	d = &smallDisk{at: filepath.Join(dir, "data")}
	d.ballast = filepath.Join(d.at, "ballast")
	info, err := os.Stat(d.at)
	if err != nil {
		return nil, err
	}
	owner, made := info.Sys().(*syscall.Stat_t), filepath.Join(dir, "made")
	if err := os.Rename(d.at, made); err != nil {
		return nil, err
	}
	if err := os.Mkdir(d.at, 0o700); err != nil {
		return nil, err
	}
	options := fmt.Sprintf("size=%s,mode=0700,uid=%d,gid=%d", smallDiskSize, owner.Uid, owner.Gid)
	if said, err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", options, "tmpfs", d.at).CombinedOutput(); err != nil {
		return nil, &skipped{fmt.Sprintf("a small disk takes the right to mount a tmpfs (run it as root, on Linux): %v: %s", err, bytes.TrimSpace(said))}
	}
	if said, err := exec.CommandContext(ctx, "cp", "-a", made+"/.", d.at).CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("copying the cluster: %w: %s", err, bytes.TrimSpace(said)), d.close())
	}
	return d, nil
}

// fill leaves no room. What was freed meanwhile is taken when it is called again.
func (d *smallDisk) fill() error {
	file, err := os.OpenFile(d.ballast, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		return err
	}
	defer file.Close()
	for size := 1 << 20; size >= 1<<12; size /= 16 {
		zeros := make([]byte, size)
		for err == nil {
			_, err = file.Write(zeros)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("filling the disk: %w", err)
		}
		err = nil
	}
	return nil
}

// free makes room again.
func (d *smallDisk) free() error { return os.Remove(d.ballast) }

// close takes the disk away, with all that is on it. Nothing may run there any more.
func (d *smallDisk) close() error {
	if said, err := exec.Command("umount", d.at).CombinedOutput(); err != nil {
		return fmt.Errorf("a tmpfs stays mounted at %s: umount it: %w: %s", d.at, err, bytes.TrimSpace(said))
	}
	return nil
}
