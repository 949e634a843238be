-- Moves calls that have become due into the stream. ARGV: ahead, limit of calls, limit of bytes.
-- Gives the number moved and the milliseconds until the next one is due, or -1.
local moved, bytes = 0, 0
local due = redis.call('ZRANGEBYSCORE', LATER, '-inf', now, 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do
  if bytes >= tonumber(ARGV[3]) then break end
  local key = call_key(id)
  local call = redis.call('HMGET', key, 's', 'p', 'm', 'd', 'a', 'u', 'l', 't', 'b')
  if call[1] == '0' and call[4] then
    local sid = enqueue(id, call[2], call[3], call[4], call[5] or 0, call[6] or 0, call[7] or 0, expiry(call[8]), call[9])
    redis.call('HSET', key, 'q', sid)
    redis.call('HDEL', key, 'm', 'd')
    bytes = bytes + #call[4]
  end
  redis.call('ZREM', LATER, id)
  moved = moved + 1
end
local first = redis.call('ZRANGE', LATER, 0, 0, 'WITHSCORES')
return {moved, first[2] and math.max(first[2] - now, 0) or -1}
