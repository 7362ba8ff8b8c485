"""Deployments: schedules, work pools and their job templates."""
