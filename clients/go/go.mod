module usher.internal/usher

go 1.19

require (
	go.nanomsg.org/mangos/v3 v3.4.2
	google.golang.org/protobuf v1.33.0
)
