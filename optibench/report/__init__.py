"""What people look at: figures, tables, pages. Reads frames only."""
