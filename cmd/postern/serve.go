package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"postern/internal/app"
)

func (p *program) serve() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Take mail until told to stop", Args: none,
		Long: `Takes mail, decides it and keeps it until SIGINT or SIGTERM; then no new mail is taken and what is under way is
finished. SIGHUP reads configuration and rules again; both are also followed as they change. A broken edit is
reported and changes nothing.`,
		Example: `  postern serve
  postern serve -c /etc/postern/postern.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.getenv("GOGC") == "" {
				debug.SetGCPercent(gcPercent)
			}
			ctx := cmd.Context()
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP) // from now on: one that comes while the store is opened must not end us
			defer signal.Stop(hup)
			a, err := app.Open(ctx, p.options())
			if err != nil {
				return err
			}
			stop := onHangup(ctx, hup, a.Reload)
			defer stop()
			context.AfterFunc(ctx, func() {
				a.Logger().Info("told to stop: no new mail is taken, what is under way is finished; a second signal ends at once")
			})
			err = errors.Join(a.Run(ctx), a.Close())
			a.Logger().Info("stopped")
			return err
		},
	}
}

// gcPercent takes a tenth off the memory that mails of 100 KiB cost at their peak, for no CPU that could be measured:
// most of what a mail needs is garbage when it was answered.
const gcPercent = 70

// onHangup calls f for each signal until stop is called.
func onHangup(ctx context.Context, hup <-chan os.Signal, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-hup:
				f()
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}
