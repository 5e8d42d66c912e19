package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"postern/internal/app"
	"postern/internal/config"
	"postern/internal/fault"
)

// conf reads the configuration, or says all that is wrong with it.
func (p *program) conf() (*config.Config, error) {
	c, found := config.Load(config.Find(p.config), p.getenv)
	if c == nil {
		return nil, &app.ErrConfig{Problems: found.String()}
	}
	return c, nil
}

// stored says no where there is no store yet: a command that only looks must not make one, above all not in the wrong folder.
func (p *program) stored() error {
	c, err := p.conf()
	if err != nil {
		return err
	}
	if began(c) {
		return nil
	}
	where := "no configuration was found here either; -c FILE names one"
	if c.File != "" {
		where = "as " + c.File + " says"
	}
	return fault.Errorf(fault.NotFound, "there is no store in %s yet (%s): postern serve makes it", c.Store.SQLite, where)
}

// began reports whether the store of a configuration is there. Of MongoDB its server will say so.
func began(c *config.Config) bool {
	if c.Store.MongoDB.IsSet() {
		return true
	}
	_, err := os.Stat(filepath.Join(c.Store.SQLite, "postern.db"))
	return !errors.Is(err, fs.ErrNotExist) // one that we may not see is there
}
