-- ARGV: ahead, prefix of channels, channel of cancellations, id, records of a cancelled call that may
-- not and that may have executed, retentions of one that has a key and of one that has none.
-- Gives 0 unknown, 1 ended already, 2 signalled, 3 removed, 4 removed and may have executed.
local id = ARGV[4]
local call = redis.call('HMGET', call_key(id), 's', 'q', 'w', 'k', 'n', 'a')
if not call[1] then return 0 end
if not unfinished(call[1]) then return 1 end
if call[1] == '1' or call[2] ~= '' and holder(call[2]) then
  redis.call('HSET', call_key(id), 'c', 1)
  redis.pcall('PUBLISH', ARGV[3], id)
  return 2
end
if call[2] == '' then redis.call('ZREM', LATER, id) else redis.call('XDEL', STREAM, call[2]) end
redis.call('HDEL', call_key(id), 'm', 'd')
local executed = ran_before(call_key(id)) == 1
local record = executed and ARGV[6] or ARGV[5]
close(id, call[4], '6', record, call[6] or 0, tonumber(call[4] and ARGV[7] or ARGV[8]))
redis.call('HINCRBY', META, 'bytes', -call[5])
tell(call[3], id, record)
publish(ARGV[2])
return executed and 4 or 3
