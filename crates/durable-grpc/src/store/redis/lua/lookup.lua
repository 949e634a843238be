-- ARGV: ahead, then ids. Gives for each call its fields and whether a worker holds it, or nothing.
local results = {}
for n = 2, #ARGV do
  local call = redis.call('HMGET', call_key(ARGV[n]), 's', 'p', 't', 'a', 'l', 'r', 'q')
  if call[1] then
    local held = unfinished(call[1]) and call[7] and call[7] ~= '' and holder(call[7])
    local running = call[1] == '1' or held
    results[n - 1] = {ARGV[n], call[1], call[2], call[3], call[4] or 0, call[5] or 0, call[6] or '', running and 1 or 0}
  else
    results[n - 1] = {}
  end
end
return results
