# Sourced by bin/test and bin/campaign: where tests write.

# In memory where there is room: nothing of it outlives a test, and none of them ends the machine, so that
# writing it to a disk would show nothing and cost a third of the time. TMPDIR chooses another place.
scratch_in_memory() {
  local folder=/dev/shm needed_kib=$((4 * 1024 * 1024)) free_kib
  free_kib=$(df --output=avail -k "$folder" 2>/dev/null | tail -1) || return 0
  if [[ -z ${TMPDIR:-} && -w $folder && $free_kib -ge $needed_kib ]]; then
    export TMPDIR=$folder
  fi
}
