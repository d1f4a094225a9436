#!/bin/sh -e
# rest.sh RECORDING.wav: registers the caller of a recording over REST.
api="$PEAKSTREAM_URL/dpsrest/v1"
call_id="call-$(date +%s)-$$"
member() { sed "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/"; } # of a flat JSON object

# 1. What the bytes of the audio are.
settings=$(curl -fsS "$api/audio_settings" -H "apikey: $PEAKSTREAM_API_KEY" -H "Content-Type: application/json" -d '{
  "audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "pcm", "sample_format": "s16le",
  "sample_rate": 8000, "channels": 1}' | member id)

# 2. The session. Its answer means that the audio may come.
session=$(curl -fsS "$api/register_session" -H "apikey: $PEAKSTREAM_API_KEY" -H "Content-Type: application/json" -d '{
  "audio_settings_id": "'"$settings"'", "call_id": "'"$call_id"'",
  "audio_total_duration": 3.0, "authenticity_threshold": 0.8}' | member id)

# 3. The audio.
python3 send_audio.py "$call_id" "$1" &

# 4. Listen to the session (Server-Sent Events) …
curl -fsSN "$api/register_session/$session/events" -H "apikey: $PEAKSTREAM_API_KEY"

# 5. … or poll it until it is finished.
poll() { curl -fsS "$api/register_session/$session" -H "apikey: $PEAKSTREAM_API_KEY"; }
until [ "$(poll | member finished)" = true ]; do sleep 0.5; done
poll
wait
