package app

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/spool"
	"postern/receiver/webhook"
)

const (
	maxFailed     = 20       // records in the folder, whoever wrote them
	maxFailedSize = 10 << 20 // bytes of one
)

// keepFailed records requests of webhooks that failed, in a folder, as many as an administrator will look at: strangers may send more.
func (a *App) keepFailed(dir string) func(hook string, r *http.Request, p *webhook.Provider, body *spool.Body) {
	if dir == "" {
		return nil
	}
	var one sync.Mutex
	return func(hook string, r *http.Request, p *webhook.Provider, body *spool.Body) {
		if body.Size() > maxFailedSize {
			return
		}
		one.Lock()
		defer one.Unlock()
		have, _ := filepath.Glob(filepath.Join(dir, "*.http"))
		if len(have) >= maxFailed {
			return
		}
		file := filepath.Join(dir, hook+"-"+issue.NewID(a.o.Now())+".http")
		if err := a.writeFailed(file, r, p, body); err != nil {
			a.log.Warn("a webhook's request was not recorded", logkey.Path, file, logkey.Error, err)
			return
		}
		a.log.Info("a webhook's request that failed was recorded: postern webhook verify and replay look at it", logkey.Source, hook, logkey.Path, file)
	}
}

func (a *App) writeFailed(file string, r *http.Request, p *webhook.Provider, body *spool.Body) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	in, err := body.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = webhook.WriteCapture(f, r, p, b, a.o.Now())
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
