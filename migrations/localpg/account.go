package localpg

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user a server runs as, and the one who starts it.
type account struct {
	name     string
	uid, gid uint32
	switched bool   // the caller is root, and the server is not
	caller   string // the name of the user this process runs as
}

// accountFor chooses the account: the caller's own, except that Postgres refuses to run as root. Data that is there
// already decides: it stays with its owner when, say, an account postgres appears where nobody had to do.
func accountFor(data string) (account, error) {
	uid := os.Geteuid()
	caller, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return account{}, fmt.Errorf("Postgres needs a name for the user it runs as: %w", err)
	}
	if uid != 0 {
		return account{name: caller.Username, uid: uint32(uid), gid: uint32(os.Getegid()), caller: caller.Username}, nil
	}
	candidates := []func() (*user.User, error){
		func() (*user.User, error) { return ownerOf(data) },
		func() (*user.User, error) { return user.Lookup("postgres") },
		func() (*user.User, error) { return user.Lookup("nobody") },
	}
	for _, find := range candidates {
		u, err := find()
		if err != nil || u.Uid == "0" {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU == nil && errG == nil {
			return account{name: u.Username, uid: uint32(uid), gid: uint32(gid), switched: true, caller: caller.Username}, nil
		}
	}
	return account{}, errors.New("Postgres refuses to run as root, and there is neither an account postgres nor nobody to run it as")
}

func ownerOf(path string) (*user.User, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return user.LookupId(strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)))
}

// attr makes a child of this process run as the account, out of reach of the terminal's Ctrl-C.
func (a account) attr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.switched {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// own makes the folder dir, of mode 0700, and gives it to the account.
func (a account) own(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if !a.switched {
		return nil
	}
	return os.Lchown(dir, int(a.uid), int(a.gid))
}

// reach returns an error that names the first folder on the way to dir that the account may not enter.
func (a account) reach(dir string) error {
	if !a.switched {
		return nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		if !a.mayEnter(info) {
			return fmt.Errorf("%w: it must run as %s, because Postgres refuses to run as root, and %s has mode %#o: "+
				"choose another place, such as /var/lib/rouse/pg", ErrUnreachable, a.name, at, info.Mode().Perm())
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func (a account) mayEnter(info os.FileInfo) bool {
	owner := info.Sys().(*syscall.Stat_t)
	switch {
	case owner.Uid == a.uid:
		return info.Mode()&0o100 != 0
	case owner.Gid == a.gid:
		return info.Mode()&0o010 != 0
	default:
		return info.Mode()&0o001 != 0
	}
}
